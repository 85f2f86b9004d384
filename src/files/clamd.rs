//! Asking ClamAV's daemon about a stream of bytes: INSTREAM, clamd(8). Over TCP or its socket, a few seconds of patience.

use crate::config::Clamd;
use anyhow::{Context as _, bail};
use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(10);
/// Large archives take a while.
const VERDICT: Duration = Duration::from_secs(120);

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    Clean,
    /// What it is called.
    Infected(String),
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// A stream of bytes on its way to the scanner.
pub struct Scan(Box<dyn Wire>);

impl Scan {
    pub fn begin(clamd: &Clamd) -> anyhow::Result<Self> {
        let mut wire = connect(clamd).with_context(|| format!("the virus scanner at {clamd} cannot be reached"))?;
        wire.write_all(b"zINSTREAM\0")?;
        Ok(Self(wire))
    }

    /// A piece: its length in four bytes, then itself.
    pub fn piece(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        for chunk in bytes.chunks(1 << 20) {
            let length = u32::try_from(chunk.len())?;
            self.0.write_all(&length.to_be_bytes()).context("the virus scanner hung up")?;
            self.0.write_all(chunk).context("the virus scanner hung up")?;
        }
        Ok(())
    }

    pub fn end(mut self) -> anyhow::Result<Verdict> {
        self.0.write_all(&0u32.to_be_bytes())?;
        let mut reply = Vec::new();
        self.0.take(4096).read_to_end(&mut reply).context("the virus scanner gives no verdict")?;
        verdict(&String::from_utf8_lossy(&reply))
    }
}

/// For the doctor: whether it answers.
pub fn ping(clamd: &Clamd) -> anyhow::Result<()> {
    let mut wire = connect(clamd)?;
    wire.write_all(b"zPING\0")?;
    let mut reply = Vec::new();
    wire.take(64).read_to_end(&mut reply)?;
    anyhow::ensure!(reply.starts_with(b"PONG"), "what answers is no clamd");
    Ok(())
}

fn connect(clamd: &Clamd) -> anyhow::Result<Box<dyn Wire>> {
    match clamd {
        Clamd::Tcp(address) => {
            let mut last = None;
            for address in address.to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, PATIENCE) {
                    Ok(stream) => {
                        stream.set_write_timeout(Some(PATIENCE))?;
                        stream.set_read_timeout(Some(VERDICT))?;
                        return Ok(Box::new(stream));
                    }
                    Err(error) => last = Some(error),
                }
            }
            Err(last.map_or_else(|| anyhow::anyhow!("the host name has no address"), anyhow::Error::from))
        }
        Clamd::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_read_timeout(Some(VERDICT))?;
            Ok(Box::new(stream))
        }
    }
}

/// `stream: OK`, `stream: Eicar-Signature FOUND`, or what went wrong.
fn verdict(reply: &str) -> anyhow::Result<Verdict> {
    let told = reply.trim_matches(['\0', '\n', ' ']);
    let told = told.strip_prefix("stream: ").unwrap_or(told);
    match told.strip_suffix(" FOUND") {
        Some(name) => Ok(Verdict::Infected(name.chars().filter(|c| !c.is_control()).take(200).collect())),
        None if told == "OK" => Ok(Verdict::Clean),
        None => bail!("the virus scanner says: {}", told.chars().take(200).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_they_are_meant() {
        assert_eq!(verdict("stream: OK\0").ok(), Some(Verdict::Clean));
        assert_eq!(verdict("stream: Eicar FOUND\0").ok(), Some(Verdict::Infected("Eicar".into())));
        assert!(verdict("INSTREAM size limit exceeded. ERROR\0").is_err());
        assert!(verdict("").is_err());
    }
}
