//! Chromium, driven through `WebDriver`.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::common::command::Command;
use thirtyfour::extensions::query::ElementQueryable;
use thirtyfour::{By, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver, WebElement, WindowHandle};

pub(crate) enum Scripts {
    On,
    Off,
}

pub(crate) struct Browser(WebDriver);

impl Browser {
    pub(crate) async fn start(driver: &str, scripts: Scripts) -> Self {
        let mut chromium = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            chromium.add_arg(argument).unwrap();
        }
        if matches!(scripts, Scripts::Off) {
            let blocked = json!({ "profile.managed_default_content_settings.javascript": 2 });
            chromium.add_experimental_option("prefs", blocked).unwrap();
        }
        Self(WebDriver::new(driver, chromium).await.expect("a WebDriver answers there, and starts Chromium"))
    }

    pub(crate) async fn quit(&self) {
        self.0.clone().quit().await.unwrap();
    }

    pub(crate) async fn go(&self, url: &str) {
        self.0.goto(url).await.unwrap();
    }

    pub(crate) async fn back(&self) {
        self.0.back().await.unwrap();
    }

    pub(crate) async fn address(&self) -> String {
        self.0.current_url().await.unwrap().into()
    }

    pub(crate) async fn source(&self) -> String {
        self.0.source().await.unwrap()
    }

    /// As the browser stores them: every attribute.
    pub(crate) async fn cookies(&self) -> Vec<Value> {
        self.0.cmd(Command::GetAllCookies).await.unwrap().value().unwrap()
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.0.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    pub(crate) async fn fill(&self, form: &str, fields: &[(&str, &str)]) {
        for (name, text) in fields {
            let selector = format!("{form} [name={name}], {form} #{name}");
            let field = self.find(&selector).await;
            field.clear().await.unwrap();
            field.send_keys(*text).await.unwrap();
        }
    }

    /// As soon as it can be pressed: a tab that is turned to asks who is here, and hides meanwhile what it shows them alone.
    pub(crate) async fn press(&self, selector: &str) {
        self.wait(selector, async || self.find(selector).await.click().await.is_ok()).await;
    }

    /// Presses what leads to another document, and waits until the old one is gone: its address may be the same.
    pub(crate) async fn follow(&self, selector: &str) {
        let old = self.find("html").await;
        self.press(selector).await;
        self.wait("another document", async || matches!(old.is_present().await, Ok(false))).await;
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap()
    }

    /// Until this is shown.
    pub(crate) async fn wait_for(&self, selector: &str) {
        let shown = format!("return document.querySelector(\"{selector}\")?.checkVisibility() === true");
        self.wait_until(&shown).await;
    }

    /// Until the script says true; also while pages come and go.
    pub(crate) async fn wait_until(&self, script: &str) {
        let is_true = async || {
            let said = self.0.execute(script, Vec::new()).await;
            said.is_ok_and(|said| *said.json() == json!(true))
        };
        self.wait(script, is_true).await;
    }

    /// Waits until it is there: a page may still be loading.
    async fn find(&self, selector: &str) -> WebElement {
        self.0.query(By::Css(selector)).wait(PATIENCE, PAUSE).first().await.unwrap()
    }

    async fn wait(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !is_so().await {
            let source = if begun.elapsed() > PATIENCE { self.source().await } else { String::new() };
            assert!(source.is_empty(), "not within {PATIENCE:?}: {what}\n{source}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(crate) async fn tab(&self) -> WindowHandle {
        self.0.window().await.unwrap()
    }

    pub(crate) async fn open_tab(&self, url: &str) -> WindowHandle {
        let tab = self.0.new_tab().await.unwrap();
        self.turn_to(&tab).await;
        self.go(url).await;
        tab
    }

    pub(crate) async fn turn_to(&self, tab: &WindowHandle) {
        self.0.switch_to_window(tab.clone()).await.unwrap();
    }

    /// The picture in README, where it is asked for.
    pub(crate) async fn save_picture(&self) {
        let Some(file) = std::env::var_os("DOORWARD_SCREENSHOT") else { return };
        self.0.set_window_rect(0, 0, 1100, 1500).await.unwrap();
        self.0.screenshot(Path::new(&file)).await.unwrap();
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox", // it may run as root, in a container
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,1250",
];
