//! A small real SMTP server on a free port, which can also be difficult. It keeps what it accepted.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Accept,
    /// 550 to every recipient.
    Refuse,
    /// This to every recipient.
    Say(&'static str),
    /// 451 to the first recipient of each address, then accepts.
    Greylist,
    /// Says nothing after the greeting.
    Hang,
    /// Closes the connection in the middle of the message, once; then accepts.
    DropInData,
    /// Accepts, and takes its time over each message.
    Slow,
    /// 535 to every sign-in.
    WrongPassword,
}

/// A message as it came over the wire.
#[derive(Clone, Debug)]
pub struct Received {
    pub from: String,
    pub to: String,
    pub data: String,
}

impl Received {
    /// The value of the first header of that name, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").replace("\r\n\t", " ");
        let start = format!("{}:", name.to_lowercase());
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&start))?;
        Some(line[start.len()..].trim().to_owned())
    }
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    seen: Mutex<Vec<String>>,
    connections: AtomicUsize,
    attempts: AtomicUsize,
    dropped: AtomicUsize,
}

pub struct SmtpServer {
    pub port: u16,
    mode: Arc<Mutex<Mode>>,
    state: Arc<State>,
    accepting: AbortHandle,
}

impl SmtpServer {
    pub async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, state) = (Arc::new(Mutex::new(mode)), Arc::new(State::default()));
        let (its_mode, its_state) = (mode.clone(), state.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                its_state.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(talk(stream, its_mode.clone(), its_state.clone()));
            }
        });
        Self { port, mode, state, accepting: accepting.abort_handle() }
    }

    /// For SMTP_URL.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?timeout=1", self.port)
    }

    pub fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How often somebody came as far as naming a recipient.
    pub fn attempts(&self) -> usize {
        self.state.attempts.load(Ordering::SeqCst)
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// RFC 5321, as much of it as a client that behaves needs.
async fn talk(stream: TcpStream, mode: Arc<Mutex<Mode>>, state: Arc<State>) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test.example ESMTP\r\n").await.ok()?;
    let (mut from, mut to) = (String::new(), String::new());
    while let Some(line) = lines.next_line().await.ok()? {
        let now = *mode.lock().unwrap();
        if now == Mode::Hang {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-test.example\r\n250-AUTH PLAIN\r\n250 8BITMIME".to_owned(),
            "AUTH" if now == Mode::WrongPassword => "535 5.7.8 wrong password".into(),
            "AUTH" => "235 2.7.0 welcome".into(),
            "MAIL" => {
                from = address(&line);
                "250 2.1.0 fine".into()
            }
            "RCPT" => {
                to = address(&line);
                state.attempts.fetch_add(1, Ordering::SeqCst);
                let known = state.seen.lock().unwrap().contains(&to);
                state.seen.lock().unwrap().push(to.clone());
                match now {
                    Mode::Say(answer) => answer.into(),
                    Mode::Refuse => "550 5.1.1 nobody of that name here".into(),
                    Mode::Greylist if !known => "451 4.7.1 greylisted, come back later".into(),
                    _ => "250 2.1.5 fine".into(),
                }
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut data = String::new();
                loop {
                    let line = lines.next_line().await.ok()??;
                    if now == Mode::DropInData && state.dropped.fetch_add(1, Ordering::SeqCst) == 0 {
                        return None;
                    }
                    if line == "." {
                        break;
                    }
                    data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    data.push_str("\r\n");
                }
                if now == Mode::Slow {
                    tokio::time::sleep(Duration::from_millis(40)).await;
                }
                state.received.lock().unwrap().push(Received { from: from.clone(), to: to.clone(), data });
                "250 2.0.0 kept".into()
            }
            "RSET" | "NOOP" => "250 fine".into(),
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await.ok()?;
                return Some(());
            }
            _ => "502 5.5.1 what?".into(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}

fn address(line: &str) -> String {
    line.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map(|(address, _)| address.to_owned())
        .unwrap_or_default()
}
