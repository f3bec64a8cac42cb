// What Node services stand on, for the driver in `doorward-benches`: begun with the name of some work, it makes what that needs,
// says `ready`, and then answers each line, a number of milliseconds, with the microseconds that one took.
import { createInterface } from "node:readline";
import { createSecretKey, randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";

const ISSUER = "https://auth.example";
const AUDIENCE = "https://api.example";
const MANY = 1000;
const ASKED = 32;

function claims() {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: ISSUER,
    sub: "0f8fad5bd9cb469fa165708677289502",
    aud: AUDIENCE,
    exp: now + 3600,
    iat: now,
    jti: "7c9e6679f7425e0f9b2a1c4d5e6f7081",
    client_id: "web",
    sid: "16fd2706aad5467b8d3c2f1e0a9b8c7d",
    auth_time: now,
    amr: ["pwd"],
  };
}

// A session in SQLite, as `express-session` asks its store for one.
async function sessions(file) {
  const { default: session } = await import("express-session");
  const { default: Database } = await import("better-sqlite3");
  const { default: makeStore } = await import("better-sqlite3-session-store");
  const client = new Database(file);
  client.pragma("journal_mode = WAL");
  const Store = makeStore(session);
  const store = new Store({ client, expired: { clear: false } });
  const ids = [];
  for (let number = 0; number < MANY; number += 1) {
    const id = randomBytes(24).toString("base64url");
    const cookie = { maxAge: 86_400_000, expires: new Date(Date.now() + 86_400_000) };
    const data = { cookie, user: number.toString(16).padStart(32, "0") };
    await new Promise((resolve, reject) => store.set(id, data, (error) => (error ? reject(error) : resolve())));
    ids.push(id);
  }
  return (turn) =>
    new Promise((resolve, reject) => {
      store.get(ids[turn % ASKED], (error, found) => (error || !found ? reject(error ?? "gone") : resolve(found)));
    });
}

// By a key that is made ready: a secret as bytes or text takes some forty times as long, for it is tried as a public key first.
async function jsonwebtoken() {
  const { default: jwt } = await import("jsonwebtoken");
  const secret = createSecretKey(randomBytes(32));
  const token = jwt.sign(claims(), secret, { algorithm: "HS256" });
  return () => jwt.verify(token, secret, { algorithms: ["HS256"], issuer: ISSUER, audience: AUDIENCE });
}

async function jose() {
  const { SignJWT, generateKeyPair, jwtVerify } = await import("jose");
  const { privateKey, publicKey } = await generateKeyPair("EdDSA");
  const token = await new SignJWT(claims()).setProtectedHeader({ alg: "EdDSA", typ: "at+jwt" }).sign(privateKey);
  return () => jwtVerify(token, publicKey, { issuer: ISSUER, audience: AUDIENCE });
}

const WORK = { "express-session": sessions, jsonwebtoken, jose };
const [name, ...more] = process.argv.slice(2);
const work = await WORK[name](...more);
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const milliseconds = Number(line);
  const begun = performance.now();
  let turn = 0;
  while (performance.now() - begun < milliseconds) {
    // The clock is looked at now and then.
    for (let next = turn + 8; turn < next; turn += 1) await work(turn);
  }
  console.log(((performance.now() - begun) * 1000) / turn);
}
