//! Chromium without a screen, through chromedriver: one driver for as long as any test uses it, at most two browsers at a time.

use serde_json::{Value, json};
use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock, Mutex, Weak},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const PATIENCE: Duration = Duration::from_secs(15);

/// Ends with its last browser.
struct Chromedriver {
    child: Child,
    port: u16,
}

static RUNNING: Mutex<Weak<Chromedriver>> = Mutex::new(Weak::new());
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(2)));

fn chromedriver() -> Arc<Chromedriver> {
    let mut running = RUNNING.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(driver) = running.upgrade() {
        return driver;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("chromedriver")
        .arg(format!("--port={port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver does not start ({error}): run bin/setup --tests"));
    let deadline = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "chromedriver does not answer: run bin/setup --tests");
        std::thread::sleep(Duration::from_millis(30));
    }
    let driver = Arc::new(Chromedriver { child, port });
    *running = Arc::downgrade(&driver);
    driver
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // SIGTERM lets it end the browsers a failed test has left behind.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..100 {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One person's browser.
pub struct Browser {
    pub driver: WebDriver,
    base: String,
    // Dropped in this order, after the session.
    _chromedriver: Arc<Chromedriver>,
    _profile: TempDir,
    _place: Arc<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Script {
    On,
    Off,
}

impl Browser {
    pub async fn open(base: &str, script: Script) -> Self {
        let place = PLACES.clone().acquire_many_owned(1).await.unwrap();
        Self::start(base, script, Arc::new(place)).await
    }

    /// Two at once, so that no two tests each wait for the other's second.
    pub async fn open_two(base: &str) -> (Self, Self) {
        let places = Arc::new(PLACES.clone().acquire_many_owned(2).await.unwrap());
        (Self::start(base, Script::On, places.clone()).await, Self::start(base, Script::On, places).await)
    }

    async fn start(base: &str, script: Script, place: Arc<OwnedSemaphorePermit>) -> Self {
        let chromedriver = tokio::task::spawn_blocking(chromedriver).await.unwrap();
        let profile = tempfile::Builder::new().prefix("pw-browser-").tempdir().unwrap();
        let mut caps = DesiredCapabilities::chrome();
        for arg in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1440,1200",
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            caps.add_arg(arg).unwrap();
        }
        if script == Script::Off {
            caps.add_experimental_option("prefs", json!({ "profile.managed_default_content_settings.javascript": 2 }))
                .unwrap();
        }
        caps.set_browser_log_level(thirtyfour::LoggingPrefsLogLevel::All).unwrap();
        let driver = WebDriver::new(format!("http://127.0.0.1:{}", chromedriver.port), caps).await;
        let driver = driver.unwrap_or_else(|error| panic!("Chromium does not start ({error}): run bin/setup --tests"));
        Self { driver, base: base.to_owned(), _chromedriver: chromedriver, _profile: profile, _place: place }
    }

    pub async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.base)).await.unwrap();
    }

    pub async fn path(&self) -> String {
        self.driver.current_url().await.unwrap().path().to_owned()
    }

    /// The first element that matches, as soon as there is one.
    pub async fn find(&self, css: &str) -> WebElement {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.driver.find(By::Css(css)).await {
                Ok(element) => return element,
                Err(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => panic!("no {css} on {} ({error}):\n{}", self.path().await, self.text().await),
            }
        }
    }

    /// A live page may draw the element anew between looking and clicking: then it is looked for again, as a person's eye would.
    pub async fn click(&self, css: &str) {
        let deadline = Instant::now() + PATIENCE;
        let centre = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        loop {
            let element = self.find(css).await;
            let clicked = match self.driver.execute(centre, vec![element.to_json().unwrap()]).await {
                Ok(_) => element.click().await,
                Err(error) => Err(error),
            };
            match clicked {
                Ok(()) => return,
                Err(error) if error.to_string().contains("stale") && Instant::now() < deadline => {}
                Err(error) => panic!("cannot click {css}: {error}"),
            }
        }
    }

    /// Drags from the middle of one element to the middle of another as a hand does: a little first, then all the way, then to rest.
    pub async fn drag(&self, from: &str, to: &str) {
        let (held, target) = (self.find(from).await, self.find(to).await);
        let pace = Some(Duration::from_millis(25));
        let actions = self.driver.action_chain_with_delay(pace, pace);
        actions
            .move_to_element_center(&held)
            .click_and_hold()
            .move_by_offset(8, 8)
            .move_by_offset(30, 10)
            .move_to_element_center(&target)
            .move_by_offset(4, 4)
            .move_by_offset(-4, -4)
            .release()
            .perform()
            .await
            .unwrap();
    }

    /// What is no part of WebDriver: a command of Chromium's own (DevTools).
    pub async fn devtools(&self, method: &str, params: Value) {
        self.driver.cdp().send_raw(method, params).await.unwrap();
    }

    /// Types into the field of that name.
    pub async fn fill(&self, name: &str, text: &str) {
        let field = self.find(&format!("main [name=\"{name}\"], form [name=\"{name}\"]")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses the option with that text.
    pub async fn choose(&self, name: &str, label: &str) {
        let xpath = format!("//select[@name='{name}']//option[normalize-space(.)='{label}']");
        self.driver
            .find(By::XPath(&xpath))
            .await
            .unwrap_or_else(|e| panic!("no {label} in {name}: {e}"))
            .click()
            .await
            .unwrap();
    }

    /// Presses the button with that text, and waits until another page is there.
    pub async fn submit(&self, button: &str) {
        let xpath = format!("//*[self::main or self::body]//form//button[normalize-space(.)='{button}']");
        let before = self.driver.find(By::Css("html")).await.unwrap();
        let found = self.driver.find(By::XPath(&xpath)).await;
        match found {
            Ok(found) => {
                // Past whatever sticks to the window's edges.
                let centre = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
                self.driver.execute(centre, vec![found.to_json().unwrap()]).await.unwrap();
                found.click().await.unwrap_or_else(|error| panic!("cannot press {button:?}: {error}"));
            }
            Err(error) => panic!("no button {button:?} on {} ({error}):\n{}", self.path().await, self.text().await),
        }
        let deadline = Instant::now() + PATIENCE;
        while before.tag_name().await.is_ok() {
            assert!(
                Instant::now() < deadline,
                "{button} leads nowhere on {}:\n{}",
                self.path().await,
                self.text().await
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        self.find("body").await;
    }

    pub async fn text(&self) -> String {
        match self.driver.find(By::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    pub async fn js(&self, script: &str) -> Value {
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Waits until the expression is true in the page.
    pub async fn until(&self, what: &str, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.js(&format!("return !!({expression})")).await != json!(true) {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}\n{}", self.text().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Errors in the console since the last call: scripts that broke, what the content security policy refused, what is missing.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.unwrap();
        let bad = |entry: &thirtyfour::BrowserLogEntry| {
            entry.level == "SEVERE" || entry.message.contains("Content Security Policy")
        };
        log.into_iter().filter(bad).map(|entry| entry.message).collect()
    }

    pub async fn close(self) {
        self.driver.clone().quit().await.unwrap();
    }
}
