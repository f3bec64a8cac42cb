//! The README's twenty lines.

use doorward::store::SqliteStore;
use doorward::{Engine, KeyFile, Login, LoginError, Register};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder(SqliteStore::open("app.db")?)
        .master_key(KeyFile::load_or_create("app.key")?) // keep it apart from the database's backups
        .open()?;

    let account = engine.register(Register::new("ada", "plum kettle orbit"))?;

    let login = match engine.login(Login::new("ada", "plum kettle orbit").label("Firefox")) {
        Ok(login) => login,
        Err(LoginError::Throttled { until }) => return Err(format!("wait until {until:?}").into()),
        Err(error) => return Err(error.into()),
    };
    let token = login.token.expose(); // into a cookie: Secure; HttpOnly; SameSite=Lax; Path=/

    assert_eq!(engine.authenticate(token)?.account, account); // on every request: three point reads
    engine.logout(token)?; // durable when it returns; an error means that it is not done
    assert!(engine.authenticate(token).is_err());
    Ok(())
}
