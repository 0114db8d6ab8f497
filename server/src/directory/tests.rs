//! Which directories are served from, and which are refused.

use tempfile::TempDir;

use super::*;
use crate::ambient::MachineEntropy;

const DEPLOYMENT: [u8; 16] = [7; 16];

fn temporary() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

fn open(path: &Path) -> Result<Directory> {
    Directory::open(path, None)
}

fn refusal<T>(result: Result<T>) -> String {
    result.err().expect("refused").to_string()
}

/// A directory as a first start leaves it.
fn settled(path: &Path) {
    let mut directory = open(path).expect("fresh");
    std::fs::create_dir_all(directory.catalogue()).expect("catalogue");
    std::fs::create_dir_all(directory.path().join("blobs")).expect("blobs");
    std::fs::write(directory.catalogue().join("rows"), "").expect("rows");
    directory.write_private("master.key", "key").expect("key");
    directory.settle(DEPLOYMENT).expect("settled");
}

fn whole(directory: &Directory) -> Result<()> {
    directory.expect_whole(&directory.master_key(), Some(&directory.path().join("blobs")))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn an_absent_directory_is_made_private_and_knows_its_lake_again() {
    let parent = temporary();
    let path = parent.path().join("deep/data");
    settled(&path);
    assert_eq!(mode(&path), 0o700);
    let mut directory = open(&path).expect("again");
    assert!(!directory.is_fresh());
    whole(&directory).expect("whole");
    directory.settle(DEPLOYMENT).expect("the same");
}

#[test]
fn an_empty_directory_is_taken_and_a_foreign_one_is_left_as_it_was() {
    let path = temporary();
    std::fs::create_dir(path.path().join("lost+found")).expect("made");
    std::fs::set_permissions(path.path(), Permissions::from_mode(0o755)).expect("opened up");
    assert!(open(path.path()).expect("as good as empty").is_fresh());
    assert_eq!(mode(path.path()), 0o700);

    let path = temporary();
    std::fs::write(path.path().join("thesis.tex"), "mine").expect("written");
    assert!(refusal(open(path.path())).contains("holds `thesis.tex` but no twinlake.json"));
    assert_eq!(std::fs::read_dir(path.path()).expect("there").count(), 1, "nothing was added");
}

#[test]
fn a_second_process_is_refused_and_told_who_is_there() {
    let path = temporary();
    let first = open(path.path()).expect("first");
    let message = refusal(open(path.path()));
    assert!(message.ends_with(&format!("is in use by process {}", std::process::id())), "{message}");
    drop(first);
    open(path.path()).expect("free again");
}

#[test]
fn a_first_start_that_ended_early_is_taken_up_again() {
    for left_behind in ["lock", "twinlake.json.new"] {
        let path = temporary();
        std::fs::write(path.path().join(left_behind), "").expect("written");
        assert!(open(path.path()).expect("taken up").is_fresh(), "{left_behind}");
    }
    let path = temporary();
    let directory = open(path.path()).expect("fresh");
    std::fs::create_dir(directory.catalogue()).expect("catalogue");
    drop(directory);
    let directory = open(path.path()).expect("taken up");
    assert!(directory.is_fresh());
    whole(&directory).expect("nothing was promised yet");
}

#[test]
fn what_a_lake_lost_is_named_and_never_made_anew() {
    for lost in ["master.key", "catalogue", "blobs"] {
        let path = temporary();
        settled(path.path());
        let gone = path.path().join(lost);
        if gone.is_dir() { std::fs::remove_dir_all(&gone) } else { std::fs::remove_file(&gone) }.expect("removed");
        let directory = open(path.path()).expect("the marker is there");
        let message = refusal(whole(&directory));
        assert!(message.contains(&format!("`{}` is missing", gone.display())), "{message}");
    }
    let path = temporary();
    settled(path.path());
    std::fs::rename(path.path().join("catalogue/rows"), path.path().join("catalogue/lock")).expect("emptied");
    let directory = open(path.path()).expect("the marker is there");
    assert!(refusal(whole(&directory)).contains("catalogue` is missing"));

    let path = temporary();
    settled(path.path());
    std::fs::remove_file(path.path().join(MARKER)).expect("removed");
    assert!(refusal(open(path.path())).contains("no twinlake.json"));
}

#[test]
fn another_lakes_catalogue_is_refused() {
    let path = temporary();
    settled(path.path());
    let mut directory = open(path.path()).expect("open");
    let other = refusal(directory.settle([8; 16]));
    assert!(other.ends_with(&format!(
        "belongs to deployment {}, its catalogue to {}",
        "07".repeat(16),
        "08".repeat(16)
    )));
}

#[test]
fn only_the_expected_lake_is_opened_and_nothing_is_made_instead() {
    let path = temporary();
    settled(path.path());
    Directory::open(path.path(), Some(&hex::encode(DEPLOYMENT))).expect("the same");
    let other = refusal(Directory::open(path.path(), Some(&"09".repeat(16))));
    assert!(other.ends_with(&format!("expected is {}", "09".repeat(16))), "{other}");
    let empty = temporary();
    let refused = refusal(Directory::open(empty.path(), Some(&"07".repeat(16))));
    assert!(refused.contains("belongs to deployment none"), "{refused}");
    assert_eq!(std::fs::read_dir(empty.path()).expect("there").count(), 0, "something was made");
}

#[test]
fn a_damaged_or_later_marker_is_refused() {
    for (text, said) in [
        ("", "it is no marker of a lake"),
        ("{}", "it is no marker of a lake"),
        ("{\"format\":1,\"colour\":1}", "it is no marker of a lake"),
        ("{\"format\":1,\"deployment\":\"zz\"}", "the deployment is no 32 hex digits"),
        ("{\"format\":2}", "has format 2, this version reads format 1"),
    ] {
        let path = temporary();
        std::fs::write(path.path().join(MARKER), text).expect("written");
        let message = refusal(open(path.path()));
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn root_keys_are_made_once_and_are_private() {
    let path = temporary();
    let entropy = MachineEntropy::new();
    let directory = open(path.path()).expect("fresh");
    let (keys, made) = directory.root_keys(&entropy).expect("made");
    assert!(made && mode(&directory.credentials()) == 0o600);
    assert!(keys.access_key.len() == 20 && keys.secret_key.len() == 40);
    assert!(keys.access_key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
    let (again, made) = directory.root_keys(&entropy).expect("read");
    assert!(!made && again == keys);

    std::fs::set_permissions(directory.credentials(), Permissions::from_mode(0o644)).expect("opened up");
    assert!(refusal(directory.root_keys(&entropy)).contains("has mode 644"));
    std::fs::remove_file(directory.credentials()).expect("removed");
    directory.write_private(CREDENTIALS, "{\"access_key\":\"hush\"}").expect("written");
    let message = refusal(directory.root_keys(&entropy));
    assert!(message.contains("is damaged") && !message.contains("hush"), "{message}");
}

#[test]
fn the_metrics_token_is_made_once_and_is_private() {
    let path = temporary();
    let entropy = MachineEntropy::new();
    let directory = open(path.path()).expect("fresh");
    let token = directory.metrics_token(&entropy).expect("made");
    assert_eq!(token.len(), 64);
    assert_eq!(directory.metrics_token(&entropy).expect("read"), token);
    assert_eq!(mode(&path.path().join(METRICS_TOKEN)), 0o600);
    directory.write_private(METRICS_TOKEN, "short").expect("written");
    assert!(refusal(directory.metrics_token(&entropy)).contains("16 characters"));
}

#[test]
fn random_words_use_their_whole_alphabet() {
    let word = random_word(&MachineEntropy::new(), b"abc", 600);
    for letter in ["a", "b", "c"] {
        assert!((130..270).contains(&word.matches(letter).count()), "{letter} in {word}");
    }
}
