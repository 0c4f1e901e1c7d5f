//! Inputs with a few changes.

use serde_json::{Map, Value};

use crate::Random;

/// No mutated input is longer, so that a run of many mutations stays fast.
const MAX_LEN: usize = 1 << 16;

/// Numbers at which programs break.
const NUMBERS: [&str; 34] = [
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "7",
    "100",
    "1e308",
    "-1e308",
    "1.7976931348623157e308",
    "1e309",
    "1e-320",
    "5e-324",
    "1e16",
    "0.1",
    "1e-9",
    "NaN",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "255",
    "256",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1000000000000",
    "00012",
];

/// Texts at which programs break.
const TEXTS: [&str; 14] =
    ["", " ", ",", "\"", "\n", "\r\n", "\u{feff}", "\u{1b}[31m", "ä", "\u{1f980}", "\u{0}", "a\u{301}", "../x", "=:/,"];

/// Returns `input` with one to four changes of bytes; `words` are texts of the format, to be put in.
pub fn bytes(random: &mut Random, input: &[u8], words: &[&str]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        change(random, &mut bytes, words);
    }
    bytes.truncate(MAX_LEN);
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, words: &[&str]) {
    let at = random.below(bytes.len() + 1);
    let span = |random: &mut Random, longest: usize| 1 + random.below(longest);
    match random.below(12) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = *random.pick(&[0, 1, 0x7f, 0x80, 0xff, b'\n', b',', b'"']),
        2 => bytes.truncate(at),
        3 => {
            let end = (at + span(random, 16)).min(bytes.len());
            bytes.drain(at..end);
        }
        // A part again, once or many times.
        4 | 5 => {
            let part = bytes[at..(at + span(random, 64)).min(bytes.len())].to_vec();
            let times = if random.one_in(8) { 200 } else { 1 };
            let part = part.repeat(times);
            bytes.splice(at..at, part);
        }
        // A big-endian or little-endian word of extremes.
        6 if bytes.len() >= 8 => {
            let at = random.below(bytes.len() - 7);
            let word = *random.pick(&[0, 1, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, u64::MAX, 1 << 40, 1 << 62]);
            let word = if random.one_in(2) { word.to_be_bytes() } else { word.to_le_bytes() };
            let width = *random.pick(&[2, 4, 8]);
            let word = if word[7] == 0 { &word[..width] } else { &word[8 - width..] };
            bytes[at..at + width].copy_from_slice(word);
        }
        7 => splice_text(random, bytes, at, TEXTS.as_slice()),
        8 => splice_text(random, bytes, at, NUMBERS.as_slice()),
        9 if !words.is_empty() => splice_text(random, bytes, at, words),
        10 => replace_number(random, bytes),
        // Two lines change places.
        11 => {
            let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            let (a, b) = (random.below(lines.len()), random.below(lines.len()));
            lines.swap(a, b);
            *bytes = lines.join(&b'\n');
        }
        _ => bytes.insert(at, random.bits().to_le_bytes()[0]),
    }
}

fn splice_text(random: &mut Random, bytes: &mut Vec<u8>, at: usize, texts: &[&str]) {
    let text = random.pick(texts).bytes();
    bytes.splice(at..at, text);
}

/// Replaces one of the numbers in a text.
fn replace_number(random: &mut Random, bytes: &mut Vec<u8>) {
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e');
    let starts: Vec<usize> =
        (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit() && (at == 0 || !is_number(&bytes[at - 1]))).collect();
    if starts.is_empty() {
        return;
    }
    let start = *random.pick(&starts);
    let end = start + bytes[start..].iter().take_while(|byte| is_number(byte)).count();
    let number = random.pick(&NUMBERS).bytes();
    bytes.splice(start..end, number);
}

/// Returns a JSON text with one to three changes of its values; bytes are changed where it is no JSON, and now and then.
pub fn json(random: &mut Random, input: &[u8], words: &[&str]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(input) else { return bytes(random, input, words) };
    if random.one_in(4) {
        return bytes(random, input, words);
    }
    for _ in 0..=random.below(3) {
        change_value(random, &mut value);
    }
    let mut text = serde_json::to_vec_pretty(&value).expect("a value has string keys only");
    text.truncate(MAX_LEN);
    text
}

/// Walks to a random place of the value and changes what is there.
fn change_value(random: &mut Random, value: &mut Value) {
    let deeper = !random.one_in(4);
    match value {
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let key = random.pick(&fields.keys().cloned().collect::<Vec<_>>()).clone();
            change_value(random, fields.get_mut(&key).expect("a key of it"));
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = random.below(items.len());
            change_value(random, &mut items[at]);
        }
        Value::Object(fields) if !fields.is_empty() => {
            let key = random.pick(&fields.keys().cloned().collect::<Vec<_>>()).clone();
            let old = fields.remove(&key).expect("a key of it");
            if random.one_in(2) {
                fields.insert(format!("{key}{}", random.pick(&TEXTS)), old);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(4) {
                0 => drop(items.remove(at)),
                1 => items.clear(),
                2 => items.push(items[at].clone()),
                _ => items.reverse(),
            }
        }
        other => *other = replacement(random, other),
    }
}

fn replacement(random: &mut Random, old: &Value) -> Value {
    let number = |random: &mut Random| serde_json::from_str(random.pick::<&str>(&NUMBERS)).unwrap_or(Value::Null);
    match (random.below(6), old) {
        (0, _) => Value::Null,
        (1, _) => Value::Array(vec![old.clone(), old.clone()]),
        (2, _) => Value::Object(Map::new()),
        (3, Value::String(text)) => Value::String(format!("{text}{}", random.pick(&TEXTS))),
        (4, Value::Number(_)) => Value::String((*random.pick(&NUMBERS)).to_owned()),
        (_, Value::Bool(is)) => Value::Bool(!is),
        (_, Value::String(_)) => Value::String((*random.pick(&TEXTS)).to_owned()),
        _ => number(random),
    }
}

/// Returns a table in which one to three cells, or a whole column of them, are others. Now and then bytes are changed.
pub fn csv(random: &mut Random, input: &[u8], words: &[&str]) -> Vec<u8> {
    let text = String::from_utf8_lossy(input);
    let mut rows: Vec<Vec<String>> = text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    if rows.len() < 2 || random.one_in(4) {
        return bytes(random, input, words);
    }
    let cell = |random: &mut Random| match random.below(4) {
        0 if !words.is_empty() => (*random.pick::<&str>(words)).to_owned(),
        1 => (*random.pick::<&str>(&TEXTS)).to_owned(),
        _ => (*random.pick::<&str>(&NUMBERS)).to_owned(),
    };
    for _ in 0..=random.below(3) {
        let row = 1 + random.below(rows.len() - 1);
        let column = random.below(rows[row].len());
        let new = cell(random);
        if random.one_in(6) {
            rows.iter_mut().skip(1).filter_map(|row| row.get_mut(column)).for_each(|old| old.clone_from(&new));
        } else {
            rows[row][column] = new;
        }
    }
    let mut changed = rows.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\n").into_bytes();
    changed.push(b'\n');
    changed.truncate(MAX_LEN);
    changed
}

/// Returns a TOML text in which one to three values are others: numbers, or some of `words`. Now and then bytes are changed.
pub fn toml(random: &mut Random, input: &[u8], words: &[&str]) -> Vec<u8> {
    let text = String::from_utf8_lossy(input);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let with_value: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains(" = ")).collect();
    if with_value.is_empty() || random.one_in(5) {
        return bytes(random, input, words);
    }
    for _ in 0..=random.below(3) {
        let at = *random.pick(&with_value);
        let Some((key, old)) = lines[at].split_once(" = ") else { continue };
        let value = match (random.below(6), old.starts_with('"')) {
            (0, _) => String::new(),
            (1, _) | (2..=4, true) => {
                format!("{:?}", random.pick::<&str>(if words.is_empty() { &TEXTS } else { words }))
            }
            (5, true) => format!("{:?}", random.pick::<&str>(&NUMBERS)),
            _ => (*random.pick::<&str>(&NUMBERS)).to_owned(),
        };
        // Without a value, the key goes.
        lines[at] = if value.is_empty() { String::new() } else { format!("{key} = {value}") };
    }
    lines.join("\n").into_bytes()
}

/// Returns a safetensors file with a changed header (its length made right again), or with changed bytes.
pub fn safetensors(random: &mut Random, input: &[u8]) -> Vec<u8> {
    let header = input.first_chunk::<8>().and_then(|length| {
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        input[8..].split_at_checked(length)
    });
    match header {
        Some((header, data)) if !random.one_in(3) => {
            let header = json(random, header, &["F32", "F64", "BF16", "I64", "dtype", "shape", "data_offsets"]);
            [&(header.len() as u64).to_le_bytes()[..], &header, data].concat()
        }
        _ => bytes(random, input, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_mutations_change_the_input_and_all_are_bounded() {
        let (mut random, input) = (Random::new(0), b"a,b\n1,2\n3,4\n");
        let mutated: Vec<Vec<u8>> = (0..1000).map(|_| bytes(&mut random, input, &["NA"])).collect();
        assert!(mutated.iter().filter(|bytes| bytes.as_slice() != input).count() > 900);
        assert!(mutated.iter().all(|bytes| bytes.len() <= MAX_LEN));
        let text = |needle: &str| mutated.iter().any(|bytes| String::from_utf8_lossy(bytes).contains(needle));
        assert!(text("NA") && text("1e308") && text("\u{feff}"));
    }

    #[test]
    fn mutated_json_stays_json_most_of_the_time() {
        let (mut random, input) = (Random::new(0), br#"{"a": [1, 2.5, "x"], "b": {"c": true}}"#);
        let mutated: Vec<Vec<u8>> = (0..1000).map(|_| json(&mut random, input, &[])).collect();
        let whole = mutated.iter().filter(|bytes| serde_json::from_slice::<Value>(bytes).is_ok()).count();
        assert!((700..1000).contains(&whole), "{whole}");
    }

    #[test]
    fn most_mutated_tables_keep_their_shape() {
        let (mut random, input) = (Random::new(0), b"a,b\n1,2\n3,4\n");
        let mutated: Vec<Vec<u8>> = (0..1000).map(|_| csv(&mut random, input, &["NA"])).collect();
        let whole =
            mutated.iter().filter(|bytes| bytes.starts_with(b"a,b\n") && bytes.split(|b| *b == b'\n').count() == 4);
        assert!(whole.count() > 500);
        let column = |bytes: &Vec<u8>| {
            let rows: Vec<&[u8]> = bytes.split(|byte| matches!(byte, b'\n' | b',')).collect();
            rows.len() == 7 && rows[2] == rows[4] && rows[2] != b"1"
        };
        assert!(mutated.iter().any(column), "a whole column");
    }

    #[test]
    fn most_values_of_mutated_toml_are_others() {
        let (mut random, input) = (Random::new(0), b"[train]\nepochs = 3\nname = \"x\"\n");
        let mutated: Vec<Vec<u8>> = (0..1000).map(|_| toml(&mut random, input, &["adam"])).collect();
        let text = |needle: &str| mutated.iter().any(|bytes| String::from_utf8_lossy(bytes).contains(needle));
        assert!(text("epochs = 1e308") && text("name = \"adam\"") && text("[train]\n\n"));
    }

    #[test]
    fn the_length_of_a_mutated_header_is_right_most_of_the_time() {
        let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let input = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
        let mut random = Random::new(0);
        let right = (0..1000).filter(|_| {
            let file = safetensors(&mut random, &input);
            file.first_chunk::<8>().is_some_and(|length| u64::from_le_bytes(*length) + 12 == file.len() as u64)
        });
        assert!(right.count() > 600);
    }
}
