//! Arguments: as they should be, or in any way that they should not.

use std::marker::PhantomData;
use std::ptr;

use core::ffi::{c_char, c_int, c_void};

use doorward_ffi::{dw_id, dw_text};

use super::player::Player;
use super::pool::{Kind, Opens, PASSWORDS, password};

/// A text in, in memory that is as long as it must be and no longer.
pub(super) struct Text {
    kept: Option<Box<[u8]>>,
    pub(super) len: usize,
}

impl Text {
    pub(super) const LEFT_OUT: Self = Self { kept: None, len: 0 };

    pub(super) fn of(bytes: impl Into<Vec<u8>>) -> Self {
        let kept: Box<[u8]> = bytes.into().into_boxed_slice();
        Self { len: kept.len(), kept: Some(kept) }
    }

    pub(super) fn ptr(&self) -> *const c_char {
        self.kept.as_ref().map_or(ptr::null(), |kept| kept.as_ptr().cast())
    }

    pub(super) fn data(&self) -> *const c_void {
        self.ptr().cast()
    }

    pub(super) fn utf8(&self) -> Option<String> {
        String::from_utf8(self.kept.as_ref()?.to_vec()).ok()
    }

    pub(super) fn raw(&self) -> dw_text {
        dw_text { ptr: self.ptr(), len: self.len }
    }
}

/// An array in, with what it points to.
pub(super) struct List<T> {
    items: Vec<T>,
    _texts: Vec<Text>,
    /// By how many bytes its first is beside where it should be.
    askew: usize,
    is_null: bool,
    pub(super) count: usize,
}

impl<T> List<T> {
    pub(super) fn ptr(&self) -> *const T {
        if self.is_null { ptr::null() } else { self.items.as_ptr().wrapping_byte_add(self.askew) }
    }
}

/// Options in, as many bytes as they say that they have.
pub(super) struct Options<T> {
    bytes: Option<Box<[u8]>>,
    _texts: Vec<Text>,
    of: PhantomData<T>,
}

impl<T> Options<T> {
    pub(super) fn ptr(&self) -> *const T {
        self.bytes.as_ref().map_or(ptr::null(), |bytes| bytes.as_ptr().cast())
    }
}

/// The most bytes of a text that are taken.
const MOST: usize = 1 << 24;

impl Player<'_> {
    /// Whether the next argument is as it should not be.
    pub(super) fn wild(&mut self) -> bool {
        self.rng.chance(self.wild)
    }

    /// A handle of this kind, if there is one.
    pub(super) fn handle<H>(&mut self, kind: Kind) -> *mut H {
        let is_wild = self.wild();
        let known = self.pool.known();
        let any: Vec<usize> = known.live.values().flatten().copied().collect();
        let held: Vec<usize> = known.held.iter().map(|held| held.address).collect();
        let address = match self.rng.below(6) {
            0 if is_wild => Some(0),
            1 if is_wild => self.rng.pick(&known.freed),
            2 if is_wild => self.rng.pick(&any),
            3 if is_wild => self.rng.pick(&held),
            4 if is_wild => usize::try_from(self.rng.next()).ok(),
            _ => self.rng.pick(known.live(kind)),
        };
        ptr::without_provenance_mut(address.unwrap_or(0))
    }

    /// A text that may have secrets in it when it is wild.
    pub(super) fn text(&mut self, good: impl Into<Vec<u8>>) -> Text {
        if self.wild() { self.spoilt(good.into(), true) } else { Text::of(good) }
    }

    /// A text that is shown to others: a name, an address.
    pub(super) fn shown(&mut self, good: impl Into<Vec<u8>>) -> Text {
        if self.wild() { self.spoilt(good.into(), false) } else { Text::of(good) }
    }

    /// A text that may be left out, and is, every other time.
    pub(super) fn maybe(&mut self, good: impl Into<Vec<u8>>) -> Text {
        if self.rng.chance(500) { Text::LEFT_OUT } else { self.shown(good) }
    }

    /// A path, behind this; however wild, nothing is written outside the case's own folder.
    pub(super) fn path(&mut self, before: &str, name: &str) -> Text {
        let name = self.shown(name);
        let Some(bytes) = name.kept.as_ref().and_then(|kept| kept.get(..name.len)) else { return name };
        let mut path = format!("{before}{}/", self.pool.folder.display()).into_bytes();
        path.extend(bytes.iter().map(|byte| if *byte == b'/' { b'_' } else { *byte }));
        Text::of(path)
    }

    fn spoilt(&mut self, mut good: Vec<u8>, may_be_secret: bool) -> Text {
        let at = self.rng.below(good.len());
        match self.rng.below(11) {
            0 => Text::LEFT_OUT,
            1 => Text { kept: None, len: self.rng.below(100) },
            2 => Text::of([]),
            3 => Text { kept: Some(good.into()), len: at },
            4 => {
                good.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.rng.below(8));
                Text::of(good)
            }
            5 => Text::of((0..self.rng.below(80)).map(|_| self.rng.byte()).collect::<Vec<_>>()),
            6 if may_be_secret => Text::of(self.any_token()),
            7 => {
                let longer = [MOST + 1, usize::MAX, isize::MAX.unsigned_abs() + 1, (1 << 32) + 5, MOST * 2];
                Text { kept: Some(good.into()), len: self.rng.pick(&longer).unwrap_or(usize::MAX) }
            }
            8 => Text::of(good.repeat(self.rng.below(2000))),
            9 if self.rng.chance(30) => Text::of(vec![b'a'; MOST]),
            9 => Text::of("\u{202e}Ωﬃ\0\u{1f512}é\u{301}"),
            _ => {
                good.insert(at, self.rng.byte());
                Text::of(good)
            }
        }
    }

    fn any_token(&mut self) -> String {
        let known = self.pool.known();
        self.rng.pick(&known.tokens).map(|(.., token)| token).unwrap_or_default()
    }

    /// A token that opens this, mostly one of the newest.
    pub(super) fn token(&mut self, opens: Opens) -> Text {
        let token = {
            let known = self.pool.known();
            let all = known.tokens_of(self.home, opens);
            let newest = all.len().saturating_sub(if self.rng.chance(700) { 3 } else { all.len() });
            self.rng.pick(&all[newest..]).cloned().unwrap_or_default()
        };
        self.text(token)
    }

    pub(super) fn password(&mut self) -> Text {
        let at = if self.rng.chance(950) { 0 } else { self.rng.below(PASSWORDS) };
        self.text(password(self.pool.seed, at))
    }

    pub(super) fn name(&mut self) -> Text {
        let names = ["ada", "grace@example.org", "Björn", "karl.heinz", "o'neill"];
        let name = self.rng.pick(&names).unwrap_or_default();
        self.shown(name)
    }

    /// A name that is known where the operation is asked for, if any is.
    pub(super) fn known_name(&mut self) -> Text {
        let known = self.pool.known();
        let here: Vec<String> = known
            .people
            .iter()
            .filter(|(home, _)| *home == self.home)
            .map(|(_, name)| name.clone())
            .collect();
        drop(known);
        match self.rng.pick(&here) {
            Some(name) if self.rng.chance(900) => self.shown(name),
            _ => self.name(),
        }
    }

    pub(super) fn account(&mut self) -> dw_id {
        let known = self.pool.known();
        let here: Vec<_> =
            known.accounts.iter().filter(|(home, _)| *home == self.home).map(|(_, id)| *id).collect();
        drop(known);
        self.id(&here)
    }

    /// A session with its account.
    pub(super) fn session(&mut self) -> (dw_id, dw_id) {
        let known = self.pool.known();
        let here: Vec<_> = known.sessions.iter().filter(|(home, ..)| *home == self.home).collect();
        let newest = here.len().saturating_sub(3);
        let one = self.rng.pick(&here[newest..]).map(|(_, account, session)| (*account, *session));
        drop(known);
        let (account, session) = one.unwrap_or_default();
        (self.id(&[account]), self.id(&[session]))
    }

    fn id(&mut self, known: &[[u8; 16]]) -> dw_id {
        let any = [[0; 16], [0xff; 16], self.rng.bytes()];
        let one = if self.wild() { self.rng.pick(&any) } else { self.rng.pick(known) };
        dw_id { bytes: one.unwrap_or_default() }
    }

    /// An integer for an enum that has this many values from this one on.
    pub(super) fn choice(&mut self, from: c_int, count: usize) -> c_int {
        if self.wild() {
            let edges = [c_int::MIN, -1, 0, 5, 99, c_int::MAX];
            return self.rng.pick(&edges).unwrap_or(0);
        }
        from + c_int::try_from(self.rng.below(count)).unwrap_or(0)
    }

    /// One of these numbers, or any.
    pub(super) fn number(&mut self, good: &[u64]) -> u64 {
        if self.wild() { self.rng.number() } else { self.rng.pick(good).unwrap_or(0) }
    }

    pub(super) fn size(&mut self, good: &[u64]) -> usize {
        usize::try_from(self.number(good)).unwrap_or(usize::MAX)
    }

    /// A time near that of the case, or any.
    pub(super) fn time(&mut self) -> i64 {
        if self.wild() {
            return self.rng.number().cast_signed();
        }
        let near = [0, 1000, 60_000, 3_600_000, -1000, -200_000, -7_200_000, 86_400_000, 40 * 86_400_000];
        let near = if self.rng.chance(700) { 0 } else { self.rng.pick(&near).unwrap_or(0) };
        NOW + near + i64::try_from(self.rng.below(20_000)).unwrap_or(0)
    }

    pub(super) fn texts(&mut self, good: Vec<String>) -> List<dw_text> {
        let texts: Vec<Text> = good.into_iter().map(|good| self.text(good)).collect();
        let items = texts.iter().map(Text::raw).collect();
        self.list(items, texts)
    }

    /// An array; wild, it is none.
    pub(super) fn list<T>(&mut self, items: Vec<T>, texts: Vec<Text>) -> List<T> {
        let count = items.len();
        let mut list = List { items, _texts: texts, askew: 0, is_null: false, count };
        if self.wild() {
            match self.rng.below(4) {
                0 => list.is_null = true,
                1 => list.askew = 1 + self.rng.below(3),
                2 => list.count = usize::MAX >> self.rng.below(8),
                _ => list.count = self.rng.below(count),
            }
        }
        list
    }

    /// Options whose first field is their size; wild, of another size. Its other fields are as they are.
    pub(super) fn options<T>(&mut self, whole: T, texts: Vec<Text>) -> Options<T> {
        if self.rng.chance(100) || self.wild() && self.rng.chance(200) {
            return Options { bytes: None, _texts: texts, of: PhantomData };
        }
        let right = size_of::<T>();
        let mut size = right;
        if self.wild() {
            let sizes = [0, 1, 7, 8, 12, right - 8, right - 1, right + 1, right + 24, 4096, 4097, usize::MAX];
            size = self.rng.pick(&sizes).unwrap_or(0);
        }
        let mut bytes = vec![0; if size > 4096 { 8 } else { size.max(8) }];
        let known = bytes.len().min(right);
        // SAFETY: both are at least so long. What is between its fields was zeroed.
        unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping((&raw const whole).cast::<u8>(), known) };
        bytes.splice(..8, size.to_ne_bytes());
        if self.wild() {
            let junk = self.rng.byte();
            bytes.iter_mut().skip(right).for_each(|byte| *byte = junk);
        }
        Options { bytes: Some(bytes.into()), _texts: texts, of: PhantomData }
    }
}

/// When a case begins, in UTC milliseconds.
pub(super) const NOW: i64 = 1_700_000_000_000;
