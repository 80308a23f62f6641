use std::os::unix::fs::PermissionsExt;

use super::*;

fn store(most: u64) -> (tempfile::TempDir, Arc<Store>) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("cache/packages"), most).unwrap();
    (directory, Arc::new(store))
}

fn of(bytes: &[u8]) -> Digest {
    Digest::new(&SHA256, digest(&SHA256, bytes).as_ref().to_vec()).unwrap()
}

fn keep(store: &Arc<Store>, from: &str, bytes: &[u8]) {
    let mut unfinished = store.begin(from, &of(bytes)).unwrap();
    unfinished.write(bytes).unwrap();
    unfinished.keep().unwrap();
}

fn got(store: &Store, from: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut file, length) = store.get(from, &of(bytes))?;
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert_eq!(read.len() as u64, length);
    Some(read)
}

fn total(store: &Store) -> u64 {
    fs::read_dir(&store.directory).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn a_file_is_had_by_where_it_is_from_and_by_what_it_is() {
    let (_directory, store) = store(1 << 20);
    keep(&store, "https://a.example/x", b"one");
    assert_eq!(got(&store, "https://a.example/x", b"one").as_deref(), Some(&b"one"[..]));
    assert_eq!(got(&store, "https://b.example/x", b"one"), None);
    assert_eq!(got(&store, "https://a.example/x", b"two"), None);
    let only = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = fs::read_dir(&store.directory).unwrap().next().unwrap().unwrap().path();
    assert_eq!((only(&store.directory), only(&file)), (0o700, 0o400));
    // Another daemon has the same, and what was begun and given up leaves nothing.
    let other = Arc::new(Store::open(&store.directory, 1 << 20).unwrap());
    assert!(got(&other, "https://a.example/x", b"one").is_some());
    drop(other.begin("https://a.example/y", &of(b"two")).unwrap());
    assert_eq!(fs::read_dir(&store.directory).unwrap().count(), 1);
}

#[test]
fn what_was_changed_is_not_handed_out_and_gone() {
    let (_directory, store) = store(1 << 20);
    keep(&store, "a", b"one");
    let file = fs::read_dir(&store.directory).unwrap().next().unwrap().unwrap().path();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, b"two").unwrap();
    assert_eq!(got(&store, "a", b"one"), None);
    assert!(!file.exists());
    // A link to something that is just so is no file of ours.
    fs::write(store.directory.parent().unwrap().join("other"), b"one").unwrap();
    std::os::unix::fs::symlink("../other", &file).unwrap();
    assert_eq!(got(&store, "a", b"one"), None);
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let (_directory, store) = store(100_000);
    let bytes = |number: u8| vec![number; 10_000];
    for number in 0..20 {
        keep(&store, "a", &bytes(number));
        assert!(got(&store, "a", &bytes(0)).is_some(), "what is used goes");
        assert!(total(&store) <= 100_000);
        // The next one is younger, whatever the clock of the file system is.
        let old = SystemTime::now() - Duration::from_secs(1000 - u64::from(number));
        let file = File::open(store.path("a", &of(&bytes(number)))).unwrap();
        file.set_modified(old).unwrap();
    }
    assert_eq!((got(&store, "a", &bytes(2)), got(&store, "a", &bytes(19)).is_some()), (None, true));
    let mut large = store.begin("a", &of(b"large")).unwrap();
    assert!(large.write(&[0; 60_000]).is_err());
    drop(large);
    // What a daemon left that was killed goes with the next look.
    let left = store.directory.join(".new-left");
    File::create(&left).unwrap().set_modified(SystemTime::now() - 2 * LEFT).unwrap();
    keep(&store, "a", &bytes(99));
    assert!(!left.exists());
}

#[test]
fn what_is_not_whole_yet_is_counted_over_all_installations() {
    let (_directory, store) = store(100_000);
    let other = Arc::new(Store::open(&store.directory, 100_000).unwrap());
    for number in 0..8 {
        keep(&store, "a", &[number; 10_000]);
    }
    let (mut first, mut second) = (store.begin("a", &of(b"b")).unwrap(), other.begin("a", &of(b"c")).unwrap());
    for _ in 0..5 {
        first.write(&[0; 5000]).unwrap();
        second.write(&[0; 5000]).unwrap();
        assert!(total(&store) <= 100_000);
    }
    assert_eq!(second.write(&[0; 5000]).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    drop(first);
    second.write(&[0; 5000]).unwrap();
    drop(second);
    assert_eq!(store.count().unfinished, 0);
}

#[test]
fn what_was_written_when_the_clock_was_wrong_goes_first() {
    let (_directory, store) = store(100_000);
    let ahead = SystemTime::now() + LEFT;
    for number in 0..7 {
        keep(&store, "a", &[number; 10_000]);
    }
    File::open(store.path("a", &of(&[6; 10_000]))).unwrap().set_modified(ahead).unwrap();
    let left = store.directory.join(".new-left");
    File::create(&left).unwrap().set_modified(ahead).unwrap();
    keep(&store, "a", &[7; 10_000]);
    assert_eq!((left.exists(), got(&store, "a", &[6; 10_000])), (false, None));
    assert!(got(&store, "a", &[5; 10_000]).is_some());
}

#[test]
fn a_directory_that_others_can_enter_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Store::open(directory.path(), 1 << 20).is_err());
}

#[test]
fn hashes_are_read_strictly() {
    assert!(Digest::of_hex(&"aB".repeat(32)).is_some());
    for odd in ["", "ab", &"zz".repeat(32), &"+1".repeat(32), &"\u{e9}".repeat(32), &"ab".repeat(33)] {
        assert_eq!(Digest::of_hex(odd), None, "{odd}");
    }
}
