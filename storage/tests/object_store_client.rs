//! The `object_store` crate's own S3 client, as delta-rs, DataFusion and others use it, against the real server.
//!
//! `TWINLAKE_BINARY` names the server's program. Where it is not set the test says so and passes; where it is set and
//! wrong it fails.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, UpdateVersion,
};

const ACCESS_KEY: &str = "TESTACCESSKEY0000000";
const SECRET_KEY: &str = "a-secret-for-one-test-that-nobody-uses-elsewhere";
const BUCKET: &str = "objects";
const PART_BYTES: usize = 5 << 20;

/// A server of its own, killed with its end.
struct Lake {
    process: Child,
    endpoint: String,
    /// Kept open, and never full: nothing is said behind the address.
    _output: Lines<BufReader<ChildStdout>>,
    _directory: tempfile::TempDir,
}

impl Drop for Lake {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Lake {
    fn start() -> Option<Self> {
        let Some(binary) = std::env::var_os("TWINLAKE_BINARY").map(PathBuf::from) else {
            println!("TWINLAKE_BINARY is not set: nothing to ask");
            return None;
        };
        let directory = tempfile::tempdir().expect("a directory");
        let mut process = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path().join("data"))
            .env("TWINLAKE_ROOT_ACCESS_KEY", ACCESS_KEY)
            .env("TWINLAKE_ROOT_SECRET_KEY", SECRET_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a program");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let endpoint = loop {
            let line = lines.next().expect("it ended").expect("text");
            if let Some((_, endpoint)) = line.split_once("listening on ") {
                break endpoint.trim().trim_end_matches('/').to_owned();
            }
        };
        Some(Self { process, endpoint, _output: lines, _directory: directory })
    }

    fn client(&self) -> AmazonS3 {
        AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(BUCKET)
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET_KEY)
            .build()
            .expect("a client")
    }
}

/// The client cannot make a bucket, but it can sign a link that does.
async fn make_bucket(store: &AmazonS3) {
    let link = store.signed_url(http_method("PUT"), &Path::default(), Duration::from_secs(60)).await.expect("a link");
    assert_eq!(follow("PUT", &link, ""), "HTTP/1.1 200 OK");
}

fn http_method(name: &str) -> reqwest::Method {
    name.parse().expect("a method")
}

/// The status line of the answer to a link.
fn follow(method: &str, link: &url::Url, body: &str) -> String {
    let host = format!("{}:{}", link.host_str().expect("a host"), link.port().expect("a port"));
    let mut stream = TcpStream::connect(&host).expect("a connection");
    let target = &link[url::Position::BeforePath..];
    let length = body.len();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_crates_client_finds_what_it_expects() {
    let Some(lake) = Lake::start() else { return };
    // As every process that uses this client must, once.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = lake.client();
    make_bucket(&store).await;
    objects_and_ranges(&store).await;
    conditional_writes(&store).await;
    parts(&store).await;
    listings(&store).await;
    copies(&store).await;
    deletions(&store).await;
}

async fn objects_and_ranges(store: &AmazonS3) {
    let path = Path::from("dir/ü 1+2%41");
    let attributes =
        Attributes::from_iter([(Attribute::ContentType, "text/x-grain"), (Attribute::Metadata("kind".into()), "rye")]);
    let options = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
    store.put_opts(&path, PutPayload::from_static(b"content"), options).await.expect("put");
    let got = store.get(&path).await.expect("got");
    assert_eq!((&got.attributes, got.meta.size), (&attributes, 7));
    assert_eq!(got.bytes().await.expect("bytes"), "content");
    assert_eq!(store.get_range(&path, 3..6).await.expect("a range"), "ten");
    assert_eq!(store.get_ranges(&path, &[0..2, 5..7]).await.expect("ranges"), ["co", "nt"]);
    let last = GetOptions { range: Some(GetRange::Suffix(2)), ..GetOptions::default() };
    assert_eq!(store.get_opts(&path, last).await.expect("a suffix").bytes().await.expect("bytes"), "nt");
    let meta = store.head(&path).await.expect("a head");
    let unchanged = GetOptions { if_none_match: meta.e_tag.clone(), ..GetOptions::default() };
    assert!(matches!(store.get_opts(&path, unchanged).await, Err(Error::NotModified { .. })));
    let other = GetOptions { if_match: Some("\"other\"".to_owned()), ..GetOptions::default() };
    assert!(matches!(store.get_opts(&path, other).await, Err(Error::Precondition { .. })));
    assert!(matches!(store.get(&Path::from("none")).await, Err(Error::NotFound { .. })));
    let link = store.signed_url(http_method("GET"), &path, Duration::from_secs(60)).await.expect("a link");
    assert_eq!(follow("GET", &link, ""), "HTTP/1.1 200 OK");
}

async fn conditional_writes(store: &AmazonS3) {
    let path = Path::from("conditional");
    let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let first = store.put_opts(&path, "first".into(), create()).await.expect("created");
    let again = store.put_opts(&path, "second".into(), create()).await;
    assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
    let from = |e_tag: Option<String>| PutOptions {
        mode: PutMode::Update(UpdateVersion { e_tag, version: None }),
        ..PutOptions::default()
    };
    store.put_opts(&path, "second".into(), from(first.e_tag.clone())).await.expect("updated");
    let stale = store.put_opts(&path, "third".into(), from(first.e_tag)).await;
    assert!(matches!(stale, Err(Error::Precondition { .. })), "{stale:?}");
    assert_eq!(store.get(&path).await.expect("got").bytes().await.expect("bytes"), "second");
    // Of many at once, one creates.
    let path = Path::from("raced");
    let racers = (0..8).map(|_| store.put_opts(&path, "x".into(), create()));
    let made = futures::future::join_all(racers).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(made, 1);
}

async fn parts(store: &AmazonS3) {
    let path = Path::from("large");
    let content: Vec<u8> = (0..2 * PART_BYTES + 7).map(|place| (place % 251) as u8).collect();
    let mut upload = store.put_multipart_opts(&path, PutMultipartOptions::default()).await.expect("an upload");
    let parts: Vec<_> = content.chunks(PART_BYTES).map(|part| upload.put_part(part.to_vec().into())).collect();
    futures::future::try_join_all(parts).await.expect("parts");
    upload.complete().await.expect("completed");
    assert_eq!(store.get(&path).await.expect("got").bytes().await.expect("bytes"), content);
    let mut aborted = store.put_multipart(&Path::from("aborted")).await.expect("an upload");
    aborted.put_part("x".into()).await.expect("a part");
    aborted.abort().await.expect("aborted");
    assert!(matches!(store.head(&Path::from("aborted")).await, Err(Error::NotFound { .. })));
}

async fn listings(store: &AmazonS3) {
    for number in 0..12 {
        store.put(&Path::from(format!("list/{}/{number:02}", number % 3)), "x".into()).await.expect("put");
    }
    let prefix = Path::from("list");
    let names = |found: Vec<object_store::ObjectMeta>| -> Vec<String> {
        found.into_iter().map(|meta| meta.location.to_string()).collect()
    };
    let all = names(store.list(Some(&prefix)).try_collect().await.expect("a list"));
    assert_eq!(all.len(), 12);
    assert!(all.is_sorted());
    let after = Path::from("list/1/07");
    let rest = names(store.list_with_offset(Some(&prefix), &after).try_collect().await.expect("a list"));
    assert_eq!(rest, ["list/1/10", "list/2/02", "list/2/05", "list/2/08", "list/2/11"]);
    let level = store.list_with_delimiter(Some(&prefix)).await.expect("a list");
    assert_eq!(level.common_prefixes, [0, 1, 2].map(|number| Path::from(format!("list/{number}"))));
    assert!(level.objects.is_empty());
}

async fn copies(store: &AmazonS3) {
    let (from, to) = (Path::from("conditional"), Path::from("dir/copied"));
    store.copy(&from, &to).await.expect("copied");
    assert_eq!(store.get(&to).await.expect("got").bytes().await.expect("bytes"), "second");
    store.rename(&to, &Path::from("renamed")).await.expect("renamed");
    assert!(matches!(store.head(&to).await, Err(Error::NotFound { .. })));
}

async fn deletions(store: &AmazonS3) {
    let all: Vec<_> = store.list(None).map_ok(|meta| meta.location).try_collect().await.expect("a list");
    let count = all.len();
    let doomed = futures::stream::iter(all.into_iter().map(Ok)).boxed();
    let deleted: Vec<_> = store.delete_stream(doomed).try_collect().await.expect("deleted");
    assert_eq!(deleted.len(), count);
    assert_eq!(store.list(None).count().await, 0);
}
