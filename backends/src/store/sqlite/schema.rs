//! Whose database it is, of which version, and how an older one becomes the newest.
//!
//! | application id | version | tables | it is | then |
//! |---|---|---|---|---|
//! | 0 | 0 | none | a new file | every migration runs |
//! | ours | up to the newest | any | ours | the missing migrations run |
//! | ours | beyond the newest | any | of a newer Doorward | refused |
//! | anything else | | | another application's | refused |

use rusqlite::{Connection, TransactionBehavior};

use super::error::{OpenError, refused};

/// Brings the database to the newest version in one transaction; of several openers one does the work.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    if inspect(connection)?.is_empty() {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(refused)?;
    // Somebody else may have come first, so only what is seen under the lock counts.
    for step in missing(&transaction, MIGRATIONS)? {
        transaction.execute_batch(step).map_err(refused)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(refused)?;
    transaction.pragma_update(None, "user_version", newest(MIGRATIONS)).map_err(refused)?;
    transaction.commit().map_err(refused)
}

/// The migrations that this database still lacks, seen without touching it; refuses what is not ours to open.
pub(super) fn inspect(connection: &mut Connection) -> Result<&'static [&'static str], OpenError> {
    // In one snapshot: its number before and its tables after another opener's migration are a stranger's.
    let snapshot = connection.transaction().map_err(refused)?;
    let missing = missing(&snapshot, MIGRATIONS)?;
    snapshot.finish().map_err(refused)?;
    Ok(missing)
}

/// Whether a database that lacks these has none.
pub(super) fn is_everything(missing: &[&str]) -> bool {
    missing.len() == MIGRATIONS.len()
}

/// What [`inspect`] says, by the snapshot or lock that the caller holds, where these are the migrations that there are.
fn missing<'a>(connection: &Connection, migrations: &'a [&'a str]) -> Result<&'a [&'a str], OpenError> {
    let number = |sql| connection.query_row(sql, [], |columns| columns.get::<_, i64>(0)).map_err(refused);
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(migrations),
        (APPLICATION, version, _) if version > newest(migrations) => {
            Err(OpenError::Newer { found: version, known: newest(migrations) })
        }
        (APPLICATION, version, 1..) => usize::try_from(version)
            .ok()
            .filter(|applied| *applied > 0)
            .and_then(|applied| migrations.get(applied..))
            .ok_or(OpenError::Damaged),
        (APPLICATION, _, _) => Err(OpenError::Damaged),
        (_, _, _) => Err(OpenError::Foreign),
    }
}

fn newest(migrations: &[&str]) -> i64 {
    i64::try_from(migrations.len()).unwrap_or(i64::MAX)
}

/// "DOOR", in the header of the file: `file(1)` and other programs can tell whose it is.
const APPLICATION: i64 = 0x444f_4f52;

/// What leads from each version to the next. Only appended to: databases are out there.
const MIGRATIONS: &[&str] = &[include_str!("v1.sql"), include_str!("v2.sql"), include_str!("v3.sql")];

#[cfg(test)]
mod tests {
    use super::*;

    /// Each build against what each other one wrote. The older ones are this one with fewer migrations, as they had.
    #[test]
    fn what_is_older_lacks_the_steps_between_and_what_is_newer_is_refused() {
        let number = |versions| i64::try_from(versions).unwrap();
        for written in 1..=MIGRATIONS.len() {
            let connection = Connection::open_in_memory().unwrap();
            for step in &MIGRATIONS[..written] {
                connection.execute_batch(step).unwrap();
            }
            connection.pragma_update(None, "application_id", APPLICATION).unwrap();
            connection.pragma_update(None, "user_version", newest(&MIGRATIONS[..written])).unwrap();
            for known in 1..=MIGRATIONS.len() {
                let told = missing(&connection, &MIGRATIONS[..known]);
                match MIGRATIONS[..known].get(written..) {
                    Some(steps) => assert_eq!(told.unwrap(), steps),
                    None => assert!(
                        matches!(&told, Err(OpenError::Newer { found, known: newest })
                            if (*found, *newest) == (number(written), number(known))),
                        "{told:?} by {known} of {written}"
                    ),
                }
            }
        }
    }
}
