// The Express stack, its sessions in SQLite, for `http` in `doorward-benches`: begun with a file and a word for `synchronous`, it
// fills that file, and says `ready` and its port.
//
// Set up as the documentation of its parts does: express-session with neither `resave` nor `saveUninitialized`, Passport, which
// reads the user on every request. One process, as `node` alone makes one. People log in by `POST /login` with a form.
import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import Database from "better-sqlite3";
import makeStore from "better-sqlite3-session-store";
import express from "express";
import session from "express-session";
import passport from "passport";
import { Strategy } from "passport-local";

const MANY = 1000;
const [file, synchronous] = process.argv.slice(2);
if (!["FULL", "NORMAL"].includes(synchronous)) throw new Error("begin it with a file, and FULL or NORMAL");

const client = new Database(file);
client.pragma("journal_mode = WAL");
client.pragma(`synchronous = ${synchronous}`);
client.exec("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL)");
const byId = client.prepare("SELECT id, name, password FROM users WHERE id = ?");
const byName = client.prepare("SELECT id, name, password FROM users WHERE name = ?");

// At the parameters of our default policy.
const password = await hash("plum kettle orbit", { memoryCost: 19456, timeCost: 2, parallelism: 1 });
const ada = client.prepare("INSERT INTO users (name, password) VALUES (?, ?)").run("ada", password).lastInsertRowid;

const Store = makeStore(session);
const store = new Store({ client });
// Sessions of others, as a login writes them.
for (let number = 0; number < MANY; number += 1) {
  const cookie = { originalMaxAge: 86_400_000, expires: new Date(Date.now() + 86_400_000), httpOnly: true, path: "/" };
  const data = { cookie, passport: { user: Number(ada) } };
  const id = randomBytes(24).toString("base64url");
  await new Promise((resolve, reject) => store.set(id, data, (error) => (error ? reject(error) : resolve())));
}

passport.use(
  new Strategy({ usernameField: "name" }, (name, password, done) => {
    const user = byName.get(name);
    if (!user) return done(null, false);
    verify(user.password, password).then((right) => done(null, right && user), done);
  }),
);
passport.serializeUser((user, done) => done(null, user.id));
passport.deserializeUser((id, done) => done(null, byId.get(id) ?? false));

const app = express();
app.use(
  session({
    store,
    secret: randomBytes(32).toString("hex"),
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 86_400_000 },
  }),
);
app.use(passport.session());
app.post("/login", express.urlencoded({ extended: false }), passport.authenticate("local"), (_, response) => {
  response.sendStatus(200);
});
app.get("/me", (request, response) => {
  if (!request.isAuthenticated()) return response.sendStatus(401);
  return response.json({ id: request.user.id, name: request.user.name });
});
const server = app.listen(0, "127.0.0.1", () => console.log(`ready ${server.address().port}`));
