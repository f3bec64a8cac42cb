//! The folder moved away or replaced while it is open.

use std::fs;

use doorward_core::error::StoreErrorKind;
use doorward_core::store::{Commit, Expect, Store, Write};

use crate::fixture::{Home, batch, copy_folder, put, session};

/// An older copy took the place of the folder. The next logout was acknowledged into the folder that went away, and the
/// session was live in the one that a restart found.
#[cfg(unix)]
#[test]
fn inv_26_a_commit_into_a_folder_that_went_away_is_not_acknowledged() {
    for is_replaced in [false, true] {
        let home = Home::quick();
        let store = home.open();
        let granted = batch(1, vec![put(&session(1), 1, Expect::Absent)]);
        assert_eq!(store.commit(&granted).unwrap(), Commit::Applied);
        let (away, older) = (home.folder.path().join("away"), home.folder.path().join("older"));
        copy_folder(&home.path, &older);
        fs::rename(&home.path, &away).unwrap();
        if is_replaced {
            fs::rename(&older, &home.path).unwrap();
        }

        let ended = store.commit(&batch(2, vec![Write::Delete { key: session(1) }]));
        assert_eq!(ended.unwrap_err().kind(), StoreErrorKind::Unknown, "replaced: {is_replaced}");
        for _ in 0..2 {
            assert_eq!(store.read(&[session(1)]).unwrap_err().kind(), StoreErrorKind::Fatal);
            let again = store.commit(&batch(3, vec![Write::Delete { key: session(1) }]));
            assert_eq!(again.unwrap_err().kind(), StoreErrorKind::Fatal);
        }
        drop(store);
        if is_replaced {
            fs::remove_dir_all(&home.path).unwrap();
        }
        fs::rename(&away, &home.path).unwrap();
        assert_eq!(home.open().read(&[session(1)]).unwrap(), [None], "it was in the folder that went away");
    }
}
