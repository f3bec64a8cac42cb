//! The whole story of one session on a SQLite file: sign up, log in, be recognised, get tokens, log out, be refused.
//!
//! ```text
//! cargo run --release --example quickstart [-- NAME]
//! ```
//!
//! Works on `doorward-quickstart.db` and `doorward-quickstart.key` in the current folder, again and again.
//! The password comes from the terminal when there is one, else from standard input; when it is empty, one is
//! made up and said. Exits with 1 when any step does not do what it says.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a transcript is what this is for

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use doorward::core::model::session::Gone;
use doorward::core::record::{Key, Kind, Row};
use doorward::core::store::{Range, Store};
use doorward::core::time::Timestamp;
use doorward::store::SqliteStore;
use doorward::{
    AuthenticateError, Ended, Engine, KeyFile, Login, LoginError, Register, RegisterError, Scope,
};

mod tokens;

const DATABASE: &str = "doorward-quickstart.db";
const KEY: &str = "doorward-quickstart.key";

fn main() -> ExitCode {
    match story() {
        Ok(()) => {
            println!("\nEvery step did what it says. Run it again: the files stay, the story goes on.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nquickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

fn story() -> Result<(), Box<dyn Error>> {
    let wanted = env::args().nth(1).unwrap_or_else(|| "ada".to_owned());
    let given = ask_password(&wanted)?;

    println!("1  Open {DATABASE} with the master key in {KEY}");
    let key = KeyFile::load_or_create(KEY)?;
    let store = SqliteStore::open(DATABASE)?;
    let engine = Engine::builder(store).master_key(key).open()?;
    println!("   Both were made if they were not there. Either alone opens nothing.\n");

    let (name, password) = sign_up(&engine, &wanted, given)?;

    println!("3  Log in with a wrong password");
    match engine.login(Login::new(&name, "certainly not the password")) {
        Err(LoginError::Denied) => println!("   Denied, as anybody unknown would be, and counted.\n"),
        other => return Err(unexpected("a denial", &other)),
    }

    println!("4  Log in with the password");
    let login = engine
        .login(Login::new(&name, password.as_str()).label("quickstart").scope(Scope::parse("read write")?))?;
    let token = login.token.expose();
    println!("   Session {}", login.session.id);
    println!("   Its token, {} characters, goes to the client: {}…", token.len(), &token[..12]);
    println!("   It ends {} at the latest.\n", from_now(login.session.absolute_ends));

    println!("5  A request comes with the token: who is it?");
    let session = engine.authenticate(token)?;
    let fresh = session.is_fresh(Duration::from_mins(5));
    println!(
        "   Account {}, password shown {} (fresh: {fresh}).\n",
        session.account,
        from_now(session.auth_time)
    );

    println!("6  What is stored, all of it that concerns {name}:");
    let stored = stored_rows(session.account)?;
    print!("{stored}");
    for (what, secret) in
        [("the password", password.as_str()), ("the token", token), ("the token", &token[4..])]
    {
        refuse_in_files(what, secret)?;
    }
    println!("   Looked for the password and the token in the files' bytes: neither is there.\n");

    let tokens = tokens::Story::begin(DATABASE, KEY, token)?;
    for (what, secret) in tokens.secrets() {
        refuse_in_files(what, secret)?;
    }
    println!("   Looked for both in the files' bytes: neither is there, nor a part of them.\n");

    println!("8  Log out");
    let receipt = tokens.log_out(token)?;
    expect(receipt.ended == Ended::Ended, "the logout ends the session")?;
    println!("   Session {} is over, durably.\n", receipt.session);

    println!("9  The same session token again");
    match engine.authenticate(token) {
        Err(AuthenticateError::Gone(Gone::Ended)) => println!("   Refused: {}.", Gone::Ended),
        other => return Err(unexpected("a refusal", &other)),
    }
    expect(engine.logout(token)?.ended == Ended::AlreadyGone, "a second logout finds nothing")?;
    println!("   A second logout says that it is already gone.\n");

    tokens.after_the_logout()?;
    tokens.revoke_all()?;

    println!("12 Close and open again: is it still dead?");
    drop((engine, tokens));
    let engine = Engine::builder(SqliteStore::open(DATABASE)?).master_key(KeyFile::load(KEY)?).open()?;
    match engine.authenticate(token) {
        Err(AuthenticateError::Gone(Gone::Ended)) => println!("   Refused: {}.", Gone::Ended),
        other => return Err(unexpected("a refusal after reopening", &other)),
    }
    engine.purge(1000)?;
    Ok(())
}

/// The password typed, piped, or `None` when it was left empty.
fn ask_password(name: &str) -> Result<Option<String>, Box<dyn Error>> {
    let line = if io::stdin().is_terminal() {
        rpassword::prompt_password(format!(
            "Password for {name} (15 characters at least; empty: one is made up): "
        ))?
    } else {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        line
    };
    let line = line.trim_end_matches(['\r', '\n']);
    Ok((!line.is_empty()).then(|| line.to_owned()))
}

/// Registers the name, or goes on with it when it was registered by an earlier run.
fn sign_up(engine: &Engine, wanted: &str, given: Option<String>) -> Result<(String, String), Box<dyn Error>> {
    println!("2  Sign up {wanted:?}");
    if let Some(password) = given {
        match engine.register(Register::new(wanted, password.as_str())) {
            Ok(account) => println!("   Account {account}.\n"),
            Err(RegisterError::Taken) => {
                println!("   Signed up by an earlier run: going on with that account.\n");
            }
            Err(error) => return Err(error.into()),
        }
        return Ok((wanted.to_owned(), password));
    }
    let password = made_up_password()?;
    for number in 1.. {
        let name = if number == 1 { wanted.to_owned() } else { format!("{wanted}-{number}") };
        match engine.register(Register::new(&name, password.as_str())) {
            Ok(account) => {
                println!(
                    "   Account {account} for {name:?}, with a password made up for this run: {password}\n"
                );
                return Ok((name, password));
            }
            Err(RegisterError::Taken) => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the numbers do not end")
}

fn made_up_password() -> Result<String, Box<dyn Error>> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Every row that belongs to the account, as a second reader of the same file sees it.
fn stored_rows(account: doorward::core::id::AccountId) -> Result<String, Box<dyn Error>> {
    let store = SqliteStore::open(DATABASE)?;
    let mut text = String::new();
    for kind in Kind::ALL {
        let mut range = Range { kind, owner: Some(account), after: None };
        loop {
            let page = store.scan(&range, 100)?;
            let Some((last, _)) = page.last() else { break };
            range.after = Some(last.clone());
            for (key, row) in &page {
                writeln!(text, "   {}", row_line(key, row))?;
            }
        }
    }
    Ok(text)
}

fn row_line(key: &Key, row: &Row) -> String {
    let id = match key {
        Key::Login(name) => name.as_str().to_owned(),
        other => other.id_bytes().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
    };
    let until = row.expires.map_or(String::new(), |expires| format!(", until {}", from_now(expires)));
    format!("{:<10} {id:<34} epoch {}{until}", key.kind().name(), row.epoch)
}

fn refuse_in_files(what: &str, secret: &str) -> Result<(), Box<dyn Error>> {
    for file in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
        let bytes = fs::read(&file).unwrap_or_default();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        expect(!found, &format!("{what} is not in {file}"))?;
    }
    Ok(())
}

fn expect(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(format!("this should hold and does not: {what}").into()) }
}

fn unexpected<T, E: Error>(wanted: &str, got: &Result<T, E>) -> Box<dyn Error> {
    match got {
        Ok(_) => format!("expected {wanted}, and it was accepted").into(),
        Err(error) => format!("expected {wanted}, got: {error}").into(),
    }
}

/// A moment as a person would say it: `in 24 h`, `2 s ago`.
fn from_now(at: Timestamp) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    let (ahead, behind) = (at.since(now).as_secs(), now.since(at).as_secs());
    match (ahead, behind) {
        (0, behind) => format!("{behind} s ago"),
        (ahead, _) if ahead < 7200 => format!("in {} min", ahead / 60 + 1),
        (ahead, _) => format!("in {} h", ahead / 3600 + 1),
    }
}
