//! The page "write your own" is about the contract as it is, and about the kit as it is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests

use std::collections::BTreeSet;

use doorward_conformance::promises;

const PAGE: &str = include_str!("../src/store/write_your_own.md");
const CONTRACT: &str = include_str!("../../core/src/store.rs");

#[test]
fn every_promise_of_the_kit_is_named_on_the_page_and_no_other() {
    let asked: BTreeSet<&str> = sections("- **Asked by:**").flat_map(names).collect();
    let promised: BTreeSet<&str> = promises().iter().map(|promise| promise.name).collect();
    let unnamed: Vec<_> = promised.difference(&asked).collect();
    assert!(unnamed.is_empty(), "the page does not say which sentence these ask for: {unnamed:?}");
    let unknown: Vec<_> = asked.difference(&promised).collect();
    assert!(unknown.is_empty(), "the page names what the kit does not ask: {unknown:?}");
}

#[test]
fn every_sentence_of_the_contract_is_quoted_on_the_page_in_its_order_and_no_other() {
    let sentences = contract();
    assert!(sentences.len() >= 30, "the contract was not found: {sentences:?}");
    let quoted: Vec<String> = quotes().iter().flat_map(|quote| split(quote)).collect();
    let missing: Vec<_> = sentences.iter().filter(|sentence| !quoted.contains(sentence)).collect();
    assert!(missing.is_empty(), "the page does not speak of these sentences: {missing:#?}");
    let invented: Vec<_> = quoted.iter().filter(|quote| !sentences.contains(quote)).collect();
    assert!(invented.is_empty(), "the contract does not say so: {invented:#?}");
    let trait_alone: Vec<_> = of_item("pub trait Store:").collect();
    let order: Vec<_> = quoted.iter().filter(|quote| trait_alone.contains(quote)).collect();
    assert_eq!(order, trait_alone.iter().collect::<Vec<_>>());
}

/// What the documentation of the trait, of the asynchronous one, and of what they take and give says.
fn contract() -> Vec<String> {
    ["pub trait Store:", "pub trait AsyncStore:", "pub struct Range {", "pub struct Guarantees {"]
        .into_iter()
        .flat_map(of_item)
        .filter(|sentence| !sentence.starts_with("See Store::"))
        .collect()
}

/// The sentences of an item's documentation and of its members', without examples.
fn of_item(head: &str) -> impl Iterator<Item = String> + use<> {
    let lines: Vec<&str> = CONTRACT.lines().collect();
    let at = lines.iter().position(|line| line.starts_with(head)).unwrap();
    let is_above = |line: &&&str| line.starts_with("///") || line.starts_with("#[");
    let first = at - lines[..at].iter().rev().take_while(is_above).count();
    let last = at + lines[at..].iter().position(|line| *line == "}").unwrap();
    let mut is_code = false;
    let mut paragraphs = vec![String::new()];
    for line in &lines[first..last] {
        let doc = line.trim_start().strip_prefix("///").map(str::trim);
        is_code ^= doc.is_some_and(|doc| doc.starts_with("```"));
        match doc {
            Some(text)
                if !is_code && !text.is_empty() && !text.starts_with(['#', '`']) || is_text(doc, is_code) =>
            {
                let paragraph = paragraphs.last_mut().unwrap();
                paragraph.push(' ');
                paragraph.push_str(doc.unwrap());
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.into_iter().flat_map(|paragraph| split(&paragraph))
}

/// A line of prose may begin with a name in backticks; a fence has three.
fn is_text(doc: Option<&str>, is_code: bool) -> bool {
    doc.is_some_and(|doc| !is_code && doc.starts_with('`') && !doc.starts_with("```"))
}

/// Each quote of the page, its lines joined.
fn quotes() -> Vec<String> {
    let mut quotes = vec![String::new()];
    for line in PAGE.lines() {
        match line.strip_prefix("> ") {
            Some(text) => {
                let quote = quotes.last_mut().unwrap();
                quote.push(' ');
                quote.push_str(text);
            }
            None => quotes.push(String::new()),
        }
    }
    quotes
}

/// Each list item that begins so, with its continued lines.
fn sections(head: &str) -> impl Iterator<Item = String> {
    let lines: Vec<&str> = PAGE.lines().collect();
    let starts: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with(head)).collect();
    starts.into_iter().map(move |at| {
        let more = lines[at + 1..].iter().take_while(|line| line.starts_with("  ")).count();
        lines[at..=at + more].join(" ")
    })
}

/// The names in backticks that could be a test's.
fn names(section: String) -> Vec<&'static str> {
    let is_name = |text: &&str| {
        text.contains('_') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    PAGE.split('`').filter(is_name).filter(|name| section.contains(&format!("`{name}`"))).collect()
}

/// Sentences without markup: two texts that read alike are alike.
fn split(text: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("](") {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 2..];
        rest = &rest[rest.find(')').unwrap() + 1..];
    }
    plain.push_str(rest);
    plain.retain(|letter| !matches!(letter, '`' | '*' | '[' | ']'));
    let words: Vec<&str> = plain.split_whitespace().collect();
    let mut sentences: Vec<String> = Vec::new();
    for word in words {
        match sentences.last_mut() {
            Some(sentence) if !ends(sentence) => {
                sentence.push(' ');
                sentence.push_str(word);
            }
            _ => sentences.push(word.to_owned()),
        }
    }
    sentences
}

fn ends(sentence: &str) -> bool {
    sentence.ends_with('.') || sentence.ends_with(".)")
}
