//! Downloads of image datasets into the cache.

use crate::{
    DataError,
    collection::{Check, Collection, STEMS, files_in},
    content::{Content, hex, read_regular},
};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{Read, Write},
    path::Path,
    time::Duration,
};
use tempfile::NamedTempFile;
use ureq::Agent;

/// The time limit for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// The time limit for the next bytes of a transfer.
const STALLED: Duration = Duration::from_secs(30);
/// More than twice the size of the largest archive.
const MAX_ARCHIVE: u64 = 64 << 20;
/// More than twice the size of the largest uncompressed file.
const MAX_CONTENT: u64 = 128 << 20;

/// The progress of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownloadProgress<'a> {
    /// The name of the current file, such as `train-images-idx3-ubyte.gz`.
    pub file: &'a str,
    /// Bytes received so far.
    pub received: u64,
    /// Bytes in total, if the server states them.
    pub total: Option<u64>,
}

/// Returns the HTTP client. It has time limits, and uses the proxy variables of the environment.
pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(STALLED))
        .timeout_per_read(Some(STALLED))
        // The digests are those of the archives as they are published.
        .accept_encoding("identity")
        .build()
        .new_agent()
}

/// Downloads the files of `collection` that `dir` lacks. Each file is verified before it gets its name.
pub(crate) fn download(
    agent: &Agent,
    collection: &Collection,
    dir: &Path,
    progress: &mut dyn FnMut(DownloadProgress<'_>),
) -> Result<(), DataError> {
    fs::create_dir_all(dir).map_err(|cause| DataError::Io { action: "create", path: dir.into(), cause })?;
    for ((stem, check), present) in STEMS.iter().zip(&collection.checks).zip(files_in(dir)) {
        if present.is_none() {
            fetch(agent, collection, &format!("{stem}.gz"), check, dir, progress)?;
        }
    }
    Ok(())
}

fn fetch(
    agent: &Agent,
    collection: &Collection,
    file: &str,
    check: &Check,
    dir: &Path,
    progress: &mut dyn FnMut(DownloadProgress<'_>),
) -> Result<(), DataError> {
    let path = dir.join(file);
    let url = format!("{}{file}", collection.base_url);
    let unavailable = |cause: &dyn std::fmt::Display| DataError::Unavailable {
        name: collection.name.into(),
        reason: format!("{url} cannot be downloaded ({cause})"),
        place: dir.display().to_string(),
    };
    let written = |cause| DataError::Io { action: "write", path: path.clone(), cause };

    let body = agent.get(&url).call().map_err(|cause| unavailable(&cause))?.into_body();
    let total = body.content_length();
    let mut reader = body.into_reader().take(MAX_ARCHIVE);
    // An early return deletes the temporary file. It gets its name in one step, so no reader ever sees half a file.
    let mut temporary = NamedTempFile::new_in(dir).map_err(written)?;
    let mut buffer = vec![0; 1 << 16];
    let mut received = 0;
    loop {
        progress(DownloadProgress { file, received, total });
        let n = reader.read(&mut buffer).map_err(|cause| unavailable(&cause))?;
        if n == 0 {
            break;
        }
        temporary.write_all(&buffer[..n]).map_err(written)?;
        received += n as u64;
    }
    temporary.as_file().sync_all().map_err(written)?;
    verify(&url, temporary.path(), check)?;
    temporary.persist(&path).map_err(|refused| written(refused.error))?;
    Ok(())
}

fn verify(url: &str, path: &Path, check: &Check) -> Result<(), DataError> {
    let (expected, found) = match check {
        // For content that cannot be decompressed, the error shows the digest of the archive.
        Check::Content(expected) => match Content::open(path)?.sha256(MAX_CONTENT) {
            Ok(found) => (expected, found),
            Err(DataError::TruncatedGzip { .. } | DataError::CorruptGzip { .. }) => (expected, archive_digest(path)?),
            Err(other) => return Err(other),
        },
        Check::Archive(expected) => (expected, archive_digest(path)?),
    };
    if found == *expected {
        return Ok(());
    }
    Err(DataError::Digest { url: url.into(), expected: expected.clone(), found })
}

pub(crate) fn archive_digest(path: &Path) -> Result<String, DataError> {
    Ok(hex(&Sha256::digest(read_regular(path, MAX_ARCHIVE)?)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::idx::fixtures::gzip;
    use std::{
        collections::HashMap,
        io::{BufRead, BufReader},
        net::TcpListener,
        thread,
    };

    /// A server on the loopback that answers `answers` requests out of `files`; gives its base URL.
    pub(crate) fn serve(files: HashMap<String, Vec<u8>>, answers: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming().take(answers) {
                let mut stream = stream.unwrap();
                let request: Vec<String> =
                    BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let name = request[0].split(' ').nth(1).unwrap().trim_start_matches('/');
                let (status, body) = match files.get(name) {
                    Some(body) => ("200 OK", body.as_slice()),
                    None => ("404 Not Found", &[][..]),
                };
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap();
            }
        });
        url
    }

    /// A client that reaches the loopback whatever proxy the environment names.
    pub(crate) fn direct() -> Agent {
        Agent::config_builder().proxy(None).timeout_connect(Some(CONNECT)).build().new_agent()
    }

    fn contents() -> [Vec<u8>; 4] {
        ["one", "two", "three", "four"].map(|text| text.repeat(50).into_bytes())
    }

    fn collection(base_url: String, check: impl Fn(&[u8]) -> Check) -> Collection {
        Collection {
            name: "mnist",
            base_url,
            checks: contents().map(|content| check(&content)),
            sha256: None,
            opening: [0; 10],
        }
    }

    fn archives() -> HashMap<String, Vec<u8>> {
        STEMS.iter().zip(contents()).map(|(stem, content)| (format!("{stem}.gz"), gzip(&content))).collect()
    }

    fn content_check(content: &[u8]) -> Check {
        Check::Content(hex(&Sha256::digest(content)))
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn verified_files_arrive_with_progress() {
        let cache = tempfile::tempdir().unwrap();
        let dir = cache.path().join("kiln/mnist");
        let mut seen = Vec::new();
        let report = &mut |p: DownloadProgress<'_>| seen.push((p.file.to_string(), p.received, p.total));
        download(&direct(), &collection(serve(archives(), 4), content_check), &dir, report).unwrap();

        assert_eq!(names(&dir).len(), 4);
        let first = archives()["train-images-idx3-ubyte.gz"].clone();
        assert_eq!(fs::read(dir.join("train-images-idx3-ubyte.gz")).unwrap(), first);
        let size = first.len() as u64;
        assert_eq!(seen[0], ("train-images-idx3-ubyte.gz".into(), 0, Some(size)));
        assert!(seen.contains(&("train-images-idx3-ubyte.gz".into(), size, Some(size))));
    }

    #[test]
    fn archives_can_be_verified_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let archive = |content: &[u8]| Check::Archive(hex(&Sha256::digest(gzip(content))));
        download(&direct(), &collection(serve(archives(), 4), archive), dir.path(), &mut |_| {}).unwrap();
        assert_eq!(names(dir.path()).len(), 4);
    }

    #[test]
    fn files_that_are_there_are_not_fetched_again() {
        let dir = tempfile::tempdir().unwrap();
        for stem in &STEMS[..3] {
            fs::write(dir.path().join(stem), "mine").unwrap();
        }
        // The server answers one request only.
        download(&direct(), &collection(serve(archives(), 1), content_check), dir.path(), &mut |_| {}).unwrap();
        assert_eq!(fs::read(dir.path().join(STEMS[0])).unwrap(), b"mine");
        assert!(dir.path().join("t10k-labels-idx1-ubyte.gz").is_file());
    }

    #[test]
    fn a_wrong_file_is_refused_and_nothing_is_left_behind() {
        let truncated = gzip(&contents()[0])[..20].to_vec();
        for wrong in [gzip(b"other content"), b"<html>not found</html>".to_vec(), truncated] {
            let dir = tempfile::tempdir().unwrap();
            let mut files = archives();
            files.insert("train-images-idx3-ubyte.gz".into(), wrong);
            let result = download(&direct(), &collection(serve(files, 4), content_check), dir.path(), &mut |_| {});
            assert!(matches!(&result, Err(DataError::Digest { .. })), "{result:?}");
            assert!(names(dir.path()).is_empty());
        }
    }

    #[test]
    fn an_interrupted_transfer_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").unwrap();
        });
        let result = download(&direct(), &collection(url, content_check), dir.path(), &mut |_| {});
        assert!(matches!(&result, Err(DataError::Unavailable { .. })), "{result:?}");
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_server_without_the_file_is_named_and_so_is_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let url = serve(HashMap::new(), 1);
        let result = download(&direct(), &collection(url.clone(), content_check), dir.path(), &mut |_| {});
        let message = result.unwrap_err().to_string();
        for part in [&url, "404", "t10k-labels-idx1-ubyte.gz", "KILN_DATA_DIR", &dir.path().display().to_string()] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
}
