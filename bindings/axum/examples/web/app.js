document.documentElement.classList.add('js');

const $ = (id) => document.getElementById(id);
const all = (selector) => document.querySelectorAll(selector);
const otherTabs = new BroadcastChannel('doorward');
const dateTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const wait = new Intl.RelativeTimeFormat('en-GB');

let session = null; // the id of this browser's session
let token = null; // { access, refresh, expires, session }
let kept = false; // logged out on purpose with the token still on show
let noteEdited = false;
let looks = 0;
let place = null; // the focus and the scroll position, while the page asks who is here

start();

function start() {
  $('guest').hidden = true;
  for (const [id, action] of [['signup-form', signUp], ['login-form', logIn], ['note-form', saveNote]]) {
    $(id).addEventListener('submit', (event) => { event.preventDefault(); run(action, event.currentTarget); });
  }
  const clicks = {
    'token-get': () => takeToken('/auth/token'),
    'token-call': callApi,
    'token-refresh': () => takeToken('/auth/refresh', { refresh_token: token.refresh }),
    'token-logout': logOutKeepingToken,
    'token-forget': forgetToken,
  };
  for (const [id, action] of Object.entries(clicks)) {
    $(id).addEventListener('click', (event) => run(action, event.currentTarget));
  }
  $('sessions').addEventListener('click', ({ target }) => { if (target.matches('.end')) run(endSession, target); });
  $('note').addEventListener('input', () => { noteEdited = true; });
  for (const button of all('.reveal')) {
    button.addEventListener('click', () => reveal(button, button.textContent === 'Show'));
  }
  otherTabs.addEventListener('message', look);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
  window.addEventListener('pageshow', (event) => { if (event.persisted) look(); });
  window.addEventListener('pagehide', leave);
  // A log-out by the plain form lands here; the other tabs do not know of it yet.
  look().then(() => { if (!session) otherTabs.postMessage('changed'); });
}

// Who is here?

async function look() {
  const mine = ++looks;
  place ??= { element: document.activeElement, top: scrollY };
  $('member').hidden = true;
  if (session) $('token-panel').hidden = true;
  const reply = await call('GET', '/auth/sessions');
  if (mine !== looks) return;
  if (reply.ok) showMember(reply.body.sessions);
  else showGuest(reply);
  restorePlace();
}

function showMember(sessions) {
  const before = session;
  session = sessions.find((each) => each.current).id;
  $('problem').textContent = '';
  if (before !== session) clearNote();
  if (token?.session !== session) forgetToken();
  kept = false;
  resetForms();
  $('guest').hidden = true;
  $('sessions').replaceChildren(...sessions.map(sessionItem));
  $('member').hidden = false;
  showToken();
  if (!noteEdited) loadNote();
}

function showGuest(reply) {
  // Who is here is not known: what they wrote stays, hidden, until it is.
  $('guest').hidden = true;
  if (reply.status !== 401) return complain(reply);
  clearPrivate();
  $('guest').hidden = false;
}

function clearPrivate() {
  session = null;
  $('member').hidden = true;
  $('sessions').replaceChildren();
  clearNote();
  if (!kept) clearAnswer();
  showToken();
}

function leave() {
  looks++;
  forgetToken();
  clearPrivate();
  resetForms();
}

function restorePlace() {
  const { element, top } = place;
  place = null;
  const usable = element.isConnected && element.checkVisibility() && !element.disabled;
  if (!usable) return $(session ? 'member-title' : 'login-title').focus();
  element.focus({ preventScroll: true });
  scrollTo(0, top);
}

// Signing up and logging in

async function signUp(form) {
  const { name, password } = Object.fromEntries(new FormData(form));
  const reply = await call('POST', form.action, { name, password });
  if (!reply.ok) return refuse(form, reply);
  $('login-name').value = name;
  $('login-password').value = password;
  await logIn($('login-form'));
}

async function logIn(form) {
  const { name, password, remember } = Object.fromEntries(new FormData(form));
  const reply = await call('POST', form.action, { name, password, remember: remember === 'on' });
  if (!reply.ok) return refuse(form, reply);
  const check = await call('GET', '/auth/sessions');
  if (check.status === 401) {
    return say('', 'Your browser does not keep Secure cookies over plain HTTP. Start the example with PLAIN_HTTP=1.');
  }
  otherTabs.postMessage('changed');
  location.assign('/');
}

function refuse(form, reply) {
  complain(reply);
  const culprits = { name: 'name', taken: 'name', password: 'password', denied: 'password' };
  const culprit = culprits[reply.body?.type?.split(':').at(-1)];
  if (!culprit) return form.querySelector('.primary').focus();
  const field = form.elements[culprit];
  field.ariaInvalid = 'true';
  field.addEventListener('input', () => { field.ariaInvalid = null; }, { once: true });
  field.focus();
}

function resetForms() {
  $('signup-form').reset();
  $('login-form').reset();
  for (const field of all('[aria-invalid]')) field.ariaInvalid = null;
  for (const button of all('.reveal')) reveal(button, false);
}

function reveal(button, shown) {
  $(button.getAttribute('aria-controls')).type = shown ? 'text' : 'password';
  button.textContent = shown ? 'Hide' : 'Show';
  button.ariaLabel = `${button.textContent} password`;
}

// Sessions and the note

function sessionItem({ id, label, created, idle_ends, absolute_ends, current }) {
  const item = $('session-item').content.firstElementChild.cloneNode(true);
  const name = label ?? 'A browser without a name';
  item.dataset.session = id;
  item.querySelector('.label').textContent = name;
  item.querySelector('.end').ariaLabel = `End: ${name}`;
  for (const [i, ms] of [created, idle_ends, absolute_ends].entries()) {
    const time = item.querySelectorAll('time')[i];
    time.dateTime = new Date(ms).toISOString();
    time.textContent = dateTime.format(ms);
  }
  item.querySelector(current ? '.end' : '.mark').remove();
  return item;
}

async function endSession(button) {
  const item = button.closest('li');
  const reply = await callAsMember('DELETE', `/auth/sessions/${encodeURIComponent(item.dataset.session)}`);
  if (!reply.ok) return complain(reply);
  item.remove();
  ($('sessions').querySelector('.end') ?? $('sessions-title')).focus();
  say('That session has ended.');
  otherTabs.postMessage('changed');
}

async function loadNote() {
  const owner = session;
  const reply = await callAsMember('GET', '/api/note');
  if (owner !== session || noteEdited) return;
  if (reply.ok) $('note').value = reply.body.note;
  else complain(reply);
}

async function saveNote() {
  const note = $('note').value;
  const reply = await callAsMember('PUT', '/api/note', { note });
  if (!reply.ok) return complain(reply);
  noteEdited = $('note').value !== note;
  say('The note is saved.');
}

function clearNote() {
  $('note').value = '';
  noteEdited = false;
}

// The token

async function takeToken(path, body) {
  const [owner, used] = [session, token];
  const reply = await callAsMember('POST', path, body);
  if (owner !== session) return complain(reply);
  if (used !== token) return;
  if (reply.ok) {
    const { access_token: access, refresh_token: refresh, expires_in } = reply.body;
    token = { access, refresh, expires: Date.now() + expires_in * 1000, session };
    showToken();
  }
  showAnswer(`POST ${path}`, reply);
}

async function callApi() {
  const used = token;
  const reply = await callAsMember('GET', '/api/me', undefined, used.access);
  if (used === token) showAnswer('GET /api/me', reply, reply.status === 401 ? verdict() : '');
}

function verdict() {
  const until = clock.format(token.expires);
  if (token.expires <= Date.now()) return ` The token expired at ${until}.`;
  if (session) return '';
  return ` The token has not expired (it is good until ${until}): it is refused because its session has ended.`;
}

async function logOutKeepingToken() {
  const reply = await call('POST', '/auth/logout');
  showAnswer('POST /auth/logout', reply);
  if (!reply.ok) return;
  kept = true;
  otherTabs.postMessage('changed');
  await look();
  say('Logged out. The token is still held here: call GET /api/me with it.');
  $('token-call').focus();
}

function forgetToken(button) {
  token = null;
  kept = false;
  clearAnswer();
  showToken();
  if (button) $('login-title').focus();
}

// After a log-out in another tab the token may still be tried here, but it is on show no more.
function showToken() {
  const shown = (session || kept) && token;
  const parts = shown ? token.access.split('.') : [];
  $('token-panel').hidden = !session && !token;
  $('token-shown').hidden = !shown;
  $('token-text').replaceChildren(...coloured(parts.map(shorten)));
  $('token-full').replaceChildren(...coloured(parts));
  $('token-header').textContent = shown ? decode(parts[0]) : '';
  $('token-claims').textContent = shown ? decode(parts[1]) : '';
  $('token-expiry').textContent = shown ? `Good until ${clock.format(token.expires)}` : '';
  $('token-get').hidden = $('token-logout').hidden = !session;
  $('token-forget').hidden = Boolean(session);
  $('token-call').disabled = $('token-logout').disabled = !token;
  $('token-refresh').disabled = !token?.refresh;
}

function coloured(parts) {
  return parts.flatMap((part, i) => {
    const span = document.createElement('span');
    span.className = ['one', 'two', 'three'][i];
    span.textContent = part;
    return i ? ['.', span] : [span];
  });
}

function shorten(text) {
  return text.length > 26 ? `${text.slice(0, 16)}…${text.slice(-6)}` : text;
}

function decode(part) {
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  return pretty(JSON.parse(new TextDecoder().decode(bytes)));
}

function showAnswer(request, reply, why = '') {
  $('token-why').textContent = reply.ok ? '' : explain(reply) + why;
  $('token-answer').dataset.status = reply.status;
  $('token-answer').textContent = `${request} → ${reply.status}\n${pretty(reply.body)}`;
}

function clearAnswer() {
  $('token-why').textContent = $('token-answer').textContent = '';
  delete $('token-answer').dataset.status;
}

function pretty(value) {
  return JSON.stringify(value, (key, each) => (key.endsWith('_token') ? shorten(each) : each), 2);
}

// Calls and words

async function call(method, path, body, bearer) {
  const headers = { Accept: 'application/json' };
  if (body) headers['Content-Type'] = 'application/json';
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const credentials = bearer ? 'omit' : 'same-origin';
  try {
    const sent = body && JSON.stringify(body);
    const reply = await fetch(path, { method, headers, credentials, cache: 'no-store', body: sent });
    const isJson = reply.headers.get('Content-Type')?.includes('json');
    return { ok: reply.ok, status: reply.status, body: isJson ? await reply.json() : '' };
  } catch {
    return { ok: false, status: 0, body: { title: 'The server does not answer. Reload the page to try again.' } };
  }
}

async function callAsMember(...request) {
  const reply = await call(...request);
  if (reply.status === 401) await look();
  return reply;
}

// aria-busy and not disabled: a button that is disabled loses the focus.
async function run(action, target) {
  if (target.ariaBusy === 'true') return;
  target.ariaBusy = 'true';
  say('');
  try {
    await action(target);
  } finally {
    target.ariaBusy = null;
  }
}

function say(text, problem = '') {
  $('status').textContent = text;
  $('problem').textContent = problem;
}

function complain(reply) {
  say('', explain(reply));
}

function explain({ status, body }) {
  const words = body?.detail ?? body?.title ?? `The server answered ${status}.`;
  if (!body?.retry_after_ms) return words;
  const seconds = Math.ceil(body.retry_after_ms / 1000);
  const when = seconds < 120 ? wait.format(seconds, 'second') : wait.format(Math.ceil(seconds / 60), 'minute');
  return `${words} Try again ${when}.`;
}
