//! One target, fed with mutated inputs for some seconds.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `KILN_FUZZ_SECONDS` | seconds per target | 1 |
//! | `KILN_FUZZ_SEED` | seed of the mutations | 0 |
//! | `KILN_FUZZ_REPLAY` | file to run alone, in the target that its folder names | none |

use std::{
    collections::{BTreeMap, HashSet},
    env,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Seek, Write},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, Once, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{Random, memory, mutate};

/// What a target says of an input: the name of the outcome (an input with a new one is kept and mutated again), or the
/// sentence that does not hold.
pub type Check = Result<String, String>;

type Mutator = Box<dyn Fn(&mut Random, &[u8]) -> Vec<u8>>;

/// The most memory that one input may take.
const MEMORY: usize = 1 << 30;
/// The longest time that one input may take.
const TIME: Duration = Duration::from_secs(10);
/// The most inputs that are kept to be mutated.
const POOL: usize = 4000;

/// A target: its name, its seeds and how they are mutated.
pub struct Session {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    mutate: Mutator,
    seconds: f64,
}

struct Failure {
    what: String,
    file: PathBuf,
}

/// Runs one target at a time: the count of memory is that of the process.
static ALONE: Mutex<()> = Mutex::new(());
/// The newest panic: where, and the message.
static PANIC: Mutex<Option<(String, String)>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // Outside of a target, panics are printed as always.
            if ALONE.try_lock().is_ok() {
                return default(info);
            }
            let place = info.location().map_or_else(|| "?".to_owned(), |at| format!("{}:{}", at.file(), at.line()));
            let message = info.payload_as_str().unwrap_or("a panic without a message").to_owned();
            *lock(&PANIC) = Some((place, message));
        }));
    });
}

/// The number in an environment variable.
///
/// # Panics
/// If the variable is set to anything but a number.
pub fn number_from_env(name: &str, default: f64) -> f64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The folder of this crate, which holds `corpus/` and receives `failures/`.
pub fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Session {
    /// A target with the files of `corpus/<name>` as its seeds, mutated as bytes.
    ///
    /// # Panics
    /// If a file of the corpus cannot be read.
    pub fn new(name: &'static str) -> Self {
        let mut files: Vec<PathBuf> = fs::read_dir(home().join("corpus").join(name))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        files.sort();
        let read = |path: &PathBuf| fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mutate = Box::new(|random: &mut Random, input: &[u8]| mutate::bytes(random, input, &[]));
        Self {
            name,
            seeds: files.iter().map(read).collect(),
            mutate,
            seconds: number_from_env("KILN_FUZZ_SECONDS", 1.0),
        }
    }

    /// Adds a seed that is made rather than stored.
    #[must_use]
    pub fn seed(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.seeds.push(bytes.into());
        self
    }

    /// Runs for this long, whatever `KILN_FUZZ_SECONDS` says.
    #[must_use]
    pub fn seconds(self, seconds: f64) -> Self {
        Self { seconds, ..self }
    }

    /// Mutates bytes, and puts in words of the format.
    #[must_use]
    pub fn words(self, words: &'static [&'static str]) -> Self {
        self.mutated_by(move |random, input| mutate::bytes(random, input, words))
    }

    /// Mutates as told.
    #[must_use]
    pub fn mutated_by(mut self, mutate: impl Fn(&mut Random, &[u8]) -> Vec<u8> + 'static) -> Self {
        self.mutate = Box::new(mutate);
        self
    }

    /// Runs the seeds, then mutated inputs until the time is over, and prints how many there were.
    ///
    /// # Panics
    /// If `check` panicked, named a sentence that does not hold, or took more than 1 GiB or 10 seconds on an input. Each such
    /// input is written to `failures/<name>/`.
    pub fn run(self, check: impl Fn(&[u8]) -> Check) {
        keep_panics();
        if let Ok(path) = env::var("KILN_FUZZ_REPLAY") {
            // Cargo runs tests in the package's folder; a relative path is meant from the workspace's.
            return self.replay(&home().join("..").join(path), check);
        }
        let alone = lock(&ALONE);
        let seconds = Duration::from_secs_f64(self.seconds);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a seed")]
        let mut random = Random::new(number_from_env("KILN_FUZZ_SEED", 0.0) as u64);
        let running = home().join("failures").join(self.name).join("running");
        fs::create_dir_all(running.parent().expect("it has one")).expect("a folder for failures");
        let mut open = File::create(&running).expect("the folder for failures takes a file");

        let begun = Instant::now();
        let (mut pool, mut outcomes) = (Vec::new(), HashSet::new());
        let mut failures: BTreeMap<String, Failure> = BTreeMap::new();
        let (mut tried, mut peak, mut slowest) = (0usize, 0, Duration::ZERO);
        let mut seeds = self.seeds.iter().cloned();
        loop {
            let seed = seeds.next();
            let from_corpus = seed.is_some();
            if !from_corpus && (begun.elapsed() >= seconds || pool.is_empty()) {
                break;
            }
            let input = seed.unwrap_or_else(|| {
                let parent: &Vec<u8> = random.pick(&pool);
                (self.mutate)(&mut random, parent)
            });
            // A process that is killed leaves its input behind.
            keep_open(&mut open, &input).expect("the folder for failures takes a file");
            let now = Instant::now();
            let (outcome, memory) = memory::peak_of(|| guarded(&check, &input));
            let took = now.elapsed();
            (tried, peak, slowest) = (tried + 1, peak.max(memory), slowest.max(took));
            let outcome = outcome.and_then(|outcome| match () {
                () if memory > MEMORY => Err(format!("it took {} MiB of memory", memory >> 20)),
                () if took > TIME => Err(format!("it took {:.0} s", took.as_secs_f64())),
                () => Ok(outcome),
            });
            match outcome {
                Ok(outcome) => {
                    if (outcomes.insert(outcome) || from_corpus) && pool.len() < POOL {
                        pool.push(input);
                    }
                }
                Err(what) => {
                    if !failures.contains_key(&kind(&what)) {
                        let failure = self.keep(&check, input.clone(), what);
                        failures.insert(kind(&failure.what), failure);
                    }
                    // A seed that fails is a known fault's input; its neighbours are worth a look too.
                    if from_corpus {
                        pool.push(input);
                    }
                }
            }
        }
        let _ = fs::remove_file(&running);
        println!(
            "{}: {tried} inputs in {:.1} s, {} outcomes, slowest {} ms, peak {} MiB, {} failures",
            self.name,
            begun.elapsed().as_secs_f64(),
            outcomes.len(),
            slowest.as_millis(),
            peak >> 20,
            failures.len()
        );
        drop(alone);
        let mut report = String::new();
        for Failure { what, file } in failures.values() {
            let (file, name) = (file.display(), self.name);
            let _ =
                write!(report, "\n- {what}\n  KILN_FUZZ_REPLAY={file} cargo test -p kiln-fuzz {name} -- --nocapture");
        }
        assert!(report.is_empty(), "{} failed:{report}", self.name);
    }

    fn replay(&self, path: &Path, check: impl Fn(&[u8]) -> Check) {
        let of_this = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == self.name);
        if of_this {
            let input = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            match check(&input) {
                Ok(outcome) => println!("{}: {outcome}", path.display()),
                Err(broken) => panic!("{}: {broken}", path.display()),
            }
        }
    }

    /// Makes the input smaller for as long as it fails in the same way, and writes it down.
    fn keep(&self, check: &impl Fn(&[u8]) -> Check, mut input: Vec<u8>, what: String) -> Failure {
        let until = Instant::now() + Duration::from_secs(2);
        let mut part = input.len() / 2;
        while part > 0 && Instant::now() < until {
            let mut at = 0;
            while at < input.len() && Instant::now() < until {
                let shorter = [&input[..at], &input[(at + part).min(input.len())..]].concat();
                match guarded(check, &shorter) {
                    Err(still) if kind(&still) == kind(&what) => input = shorter,
                    _ => at += part,
                }
            }
            part /= 2;
        }
        let digest = Sha256::digest(&input);
        let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let file = home().join("failures").join(self.name).join(name);
        fs::write(&file, &input).expect("the folder for failures takes a file");
        Failure { what, file }
    }
}

/// Replaces the content of an open file. Closing it each time, or cutting it to nothing, would flush it to the disk.
fn keep_open(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)
}

/// A temporary folder, in memory where there is one.
///
/// # Panics
/// If it cannot be made.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a temporary folder")
}

/// The check, with a panic as a failure.
fn guarded(check: &impl Fn(&[u8]) -> Check, input: &[u8]) -> Check {
    *lock(&PANIC) = None;
    panic::catch_unwind(AssertUnwindSafe(|| check(input))).unwrap_or_else(|_| {
        let (place, message) = lock(&PANIC).take().unwrap_or_default();
        Err(format!("panic at {place}: {message}"))
    })
}

/// What tells one failure from another: the place of a panic, else the sentence without its numbers.
fn kind(what: &str) -> String {
    match what.strip_prefix("panic at ").and_then(|rest| rest.split_once(": ")) {
        Some((place, _)) => place.to_owned(),
        None => what.chars().filter(|c| !c.is_ascii_digit()).take(80).collect(),
    }
}
