//! Damage is found out, said, and never a panic, a hang or a wrong row.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use doorward::store::sled::{OpenError, SledOptions};
use doorward_core::error::StoreErrorKind;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Change, Cursor, Ending, Expect, Range, Store, Write};

use crate::fixture::{
    Home, account, at, batch, bytes_of, copy_folder, create, grants, id, name, put, session, throttle,
};

#[derive(Debug, PartialEq)]
struct Content {
    rows: Vec<(Key, Row)>,
    owned: Vec<(Key, Row)>,
    journal: Vec<Change>,
}

fn content(store: &dyn Store) -> Result<Content, StoreErrorKind> {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        rows.extend(
            store.scan(&Range { kind, owner: None, after: None }, 9999).map_err(|error| error.kind())?,
        );
    }
    let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
    let read = store.read(&keys).map_err(|error| error.kind())?;
    assert!(rows.iter().map(|(_, row)| Some(row)).eq(read.iter().map(Option::as_ref)));
    let range = Range { kind: Kind::Session, owner: Some(account(1)), after: None };
    let owned = store.scan(&range, 9999).map_err(|error| error.kind())?;
    let journal = store.changes(Cursor::START, 9999).map_err(|error| error.kind())?.entries;
    Ok(Content { rows, owned, journal })
}

/// A store with a history: rows replaced, removed and ended, over three openings.
fn lived_in() -> (Home, Content) {
    let home = Home::quick();
    for part in 0..3 {
        let store = home.open();
        for number in part * 100..(part + 1) * 100 {
            create(&store, &session(number), number);
            create(&store, &throttle(number), number);
            if number % 3 == 0 {
                let mut end = batch(number, vec![Write::Delete { key: throttle(number) }]);
                let session = doorward_core::id::SessionId::from_bytes(id(number));
                end.journal.push(Ending::Session { session, until: at(9_000) });
                create(&store, &grants(number), number + 9000);
                let grant = doorward_core::id::GrantId::from_bytes(id(number));
                end.journal.push(Ending::Grant { grant, until: at(9_000) });
                store.commit(&end).unwrap();
            }
            if number % 5 == 0 {
                let seen = Expect::Stamp(crate::fixture::stamp(number));
                store
                    .commit(&batch(number + 5000, vec![put(&session(number), number + 5000, seen)]))
                    .unwrap();
            }
        }
        create(&store, &name(&format!("name-{part}")), part);
    }
    let content = content(&home.open()).unwrap();
    assert_eq!(content.owned.len(), 300);
    (home, content)
}

/// One byte of one file is flipped, at many places. The folder is refused with a typed error, or has every row: sled alone
/// takes a flip in its log for the log's end, and opens without what came after it.
#[test]
fn a_flip_of_any_byte_is_an_error_or_nothing() {
    let (home, whole) = lived_in();
    let (mut refused, mut harmless) = (0, 0);
    for (path, bytes) in bytes_of(&home.path) {
        let Some(bytes) = bytes else { continue };
        let written = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
        let mut places: Vec<usize> = (0..written).step_by((written / 150).max(1)).collect();
        places.extend([1, 4, 5, 13, 19, 20, 21, 25, 40].into_iter().filter(|place| *place < bytes.len()));
        for place in places {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            let found = opened_with(&home, &path, &flipped, &whole);
            *(if found { &mut harmless } else { &mut refused }) += 1;
        }
    }
    assert!(refused > 100, "damage was mostly overlooked: {refused} refused, {harmless} harmless");
}

#[test]
fn a_file_cut_short_or_ruined_is_an_error_or_nothing() {
    let (home, whole) = lived_in();
    let mut refused = 0;
    for (path, bytes) in bytes_of(&home.path) {
        let Some(bytes) = bytes else { continue };
        for part in 0..24 {
            let place = bytes.len() * part / 24;
            refused += u32::from(!opened_with(&home, &path, &bytes[..place], &whole));
            for ruin in [0, 0xff, 1] {
                let mut ruined = bytes.clone();
                let end = ruined.len().min(place + 4096);
                ruined[place..end].fill(ruin);
                refused += u32::from(!opened_with(&home, &path, &ruined, &whole));
            }
        }
    }
    assert!(refused > 50, "damage was mostly overlooked: {refused}");
}

/// Whether the folder opens with this file; then it has everything. It answers in time either way.
fn opened_with(home: &Home, path: &Path, bytes: &[u8], whole: &Content) -> bool {
    let copy = home.folder.path().join("copy");
    let _none = fs::remove_dir_all(&copy);
    copy_folder(&home.path, &copy);
    fs::write(copy.join(path.strip_prefix(&home.path).unwrap()), bytes).unwrap();
    let before = bytes_of(&copy);
    let start = Instant::now();
    let opened = SledOptions::new().open_deadline(Duration::from_secs(5)).open(&copy);
    let found = match opened {
        Ok(store) => {
            match content(&store) {
                Ok(found) => assert!(found == *whole, "rows are missing or others: {}", path.display()),
                Err(kind) => panic!("what was looked through at open fails as {kind:?}"),
            }
            create(&store, &session(9000), 9000);
            true
        }
        Err(OpenError::Damaged | OpenError::OtherSled | OpenError::Foreign | OpenError::Newer { .. }) => {
            assert!(bytes_of(&copy) == before, "{}: refused, and something was changed", path.display());
            false
        }
        Err(error) => panic!("{}: {error:?}", path.display()),
    };
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    found
}

/// The file is ruined below a store that is open and keeps little of it in memory.
#[test]
fn a_file_ruined_below_an_open_store_is_an_error_or_the_right_row() {
    let home = Home::quick();
    let options = SledOptions::new().cache_bytes(0).commit_deadline(Duration::from_secs(2));
    let store = options.open(&home.path).unwrap();
    for first in (0..6000).step_by(50) {
        let writes = (first..first + 50).map(|number| put(&session(number), first, Expect::Absent)).collect();
        store.commit(&batch(first, writes)).unwrap();
    }
    let whole = content(&store).unwrap();
    let length = fs::metadata(home.file("db")).unwrap().len();
    fs::write(home.file("db"), vec![0xa5; usize::try_from(length).unwrap()]).unwrap();
    let mut failed = 0;
    for (key, row) in &whole.rows {
        match store.read(std::slice::from_ref(key)) {
            Ok(found) => assert_eq!(found[0].as_ref(), Some(row)),
            Err(error) => {
                assert!(matches!(error.kind(), StoreErrorKind::Corrupt | StoreErrorKind::Fatal), "{error:?}");
                failed += 1;
            }
        }
    }
    assert!(failed > 0, "everything was in memory: nothing was tried");
    let answer = store.commit(&batch(7000, vec![put(&session(7000), 7000, Expect::Absent)]));
    assert!(answer.map_err(|error| error.kind()) != Err(StoreErrorKind::Retryable));
    let start = Instant::now();
    drop(store);
    assert!(start.elapsed() < Duration::from_secs(6));
}

/// The store looks through all its rows when it is opened: one that could be written and not read back would be damage.
#[test]
fn a_row_that_cannot_be_read_back_is_refused() {
    let home = Home::quick();
    let key = Key::Data(doorward_core::id::SessionId::from_bytes(id(1)));
    let of_size = |size: usize| {
        let record = doorward_core::model::data::DataRecord { bytes: vec![7; size] }.into();
        let row = Row { record, ..crate::fixture::row(&session(1), crate::fixture::stamp(1)) };
        batch(1, vec![Write::Put { key: key.clone(), row, expect: Expect::Absent }])
    };
    let store = home.open();
    assert_eq!(store.commit(&of_size(300 * 1024)).unwrap_err().kind(), StoreErrorKind::Fatal);
    store.commit(&of_size(200 * 1024)).unwrap();
    drop(store);
    assert!(home.open().read(&[key]).unwrap()[0].is_some());
}
