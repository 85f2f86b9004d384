//! Asking a source for rates: what it says is XML as the European Central Bank writes it, a day's rates against one base.
//!
//! The address may be anybody's who administers an organisation, so it is treated as a stranger's: http and https only, no address inside
//! our own network (looked up once, and that very address asked, after each redirect too), a few seconds, a few megabytes.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    time::Duration,
};
use url::{Host, Url};

const PATIENCE: Duration = Duration::from_secs(20);
const MOST_BYTES: usize = 2 * 1024 * 1024;
const MOST_REDIRECTS: usize = 3;
/// Of one answer.
const MOST_DAYS: usize = 400;

/// A day's rates: how much of each currency one unit of the base buys.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Day {
    pub on: NaiveDate,
    pub base: String,
    pub rates: Vec<(String, Decimal)>,
}

impl Day {
    /// How much one unit of the base buys of that currency.
    fn quote(&self, currency: &str) -> Option<Decimal> {
        if currency == self.base {
            return Some(Decimal::ONE);
        }
        self.rates.iter().find(|(code, _)| code == currency).map(|(_, rate)| *rate)
    }

    /// What one unit of `currency` is worth in `own`, across the base, to twelve decimals.
    pub(super) fn worth(&self, currency: &str, own: &str) -> Option<Decimal> {
        let rate = self.quote(own)?.checked_div(self.quote(currency)?)?;
        let rate = rate.round_dp_with_strategy(12, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
        (rate > Decimal::ZERO).then_some(rate)
    }
}

/// Checks an address that a person typed.
pub(super) fn parse_url(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_| "must be a web address, such as https://example.com/rates.xml")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with https:// or http://");
    }
    if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err("must name a server, without a user or password");
    }
    Ok(url.into())
}

/// What the source says; an error is what the person is told. `trusted`: hosts that may be in our own network.
pub(super) fn ask(address: &str, trusted: &[String]) -> Result<Vec<Day>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("It could not be asked: {error}."))?;
    let answer = runtime.block_on(async {
        match tokio::time::timeout(PATIENCE, get(address, trusted)).await {
            Ok(answer) => answer,
            Err(_) => Err("It took too long to answer.".to_owned()),
        }
    })?;
    read(&answer)
}

async fn get(address: &str, trusted: &[String]) -> Result<String, String> {
    let mut url = Url::parse(address).map_err(|_| "Its address is none.".to_owned())?;
    for _ in 0..=MOST_REDIRECTS {
        let mut response = client(&url, trusted)?.get(url.clone()).send().await.map_err(|error| told(&error))?;
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get("location").and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| url.join(to).ok());
            url = to.ok_or_else(|| "It leads somewhere else, but does not say where.".to_owned())?;
            continue;
        }
        if !status.is_success() {
            return Err(format!("It answered {}.", status.as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
            if bytes.len() + chunk.len() > MOST_BYTES {
                return Err("Its answer is too large.".to_owned());
            }
            bytes.extend_from_slice(&chunk);
        }
        return String::from_utf8(bytes).map_err(|_| "Its answer is not text.".to_owned());
    }
    Err("It leads from one address to the next.".to_owned())
}

fn told(error: &reqwest::Error) -> String {
    if error.is_timeout() { "It took too long to answer." } else { "It could not be reached, or broke off." }.to_owned()
}

/// A client that reaches nothing but the addresses looked up here.
fn client(url: &Url, trusted: &[String]) -> Result<reqwest::Client, String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("It leads to an address that is not on the web.".to_owned());
    }
    let inside = || "It is inside this network, where only what the operator named may be asked.".to_owned();
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let trusts = trusted.iter().any(|t| *t == host || *t == format!("{host}:{port}"));
    let addresses: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), port)],
        Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), port)],
        Some(Host::Domain(name)) => (name, port)
            .to_socket_addrs()
            .map_err(|_| "There is no server of that name, or no way to look it up from here.".to_owned())?
            .collect(),
        None => return Err("Its address names no server.".to_owned()),
    };
    if addresses.is_empty() || !trusts && addresses.iter().any(|address| !is_public(address.ip())) {
        return Err(inside());
    }
    // Whoever comes second finds one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .timeout(PATIENCE)
        .user_agent("Pipewright")
        .resolve_to_addrs(&host, &addresses)
        .build()
        .map_err(|error| format!("It could not be asked: {error}."))
}

/// Whether an address is one of the internet's own, and not of a network behind us.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => {
            let parts = ip.segments();
            let embedded = |high: u16, low: u16| {
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                is_public_v4(Ipv4Addr::new(a, b, c, d))
            };
            match parts {
                // Mapped and translated IPv4, 6to4.
                [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
                [0x2002, high, low, ..] => embedded(high, low),
                // Of what is handed out to the internet, 2000::/3, not the parts for protocols and books.
                [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
                [first, ..] => first & 0xe000 == 0x2000 && first & 0xfff0 != 0x3ff0,
            }
        }
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        || a >= 224
        || a == 100 && (64..128).contains(&b)
        || a == 192 && b == 0 && c == 0
        || a == 198 && (b == 18 || b == 19);
    !special
}

/// `<Cube time='2026-11-27'><Cube currency='USD' rate='1.08'/> …`, a day or several. The base is EUR unless the day's element says
/// otherwise (`base='USD'`). One rate that is none spoils the whole: half an answer is no answer.
fn read(xml: &str) -> Result<Vec<Day>, String> {
    let malformed = || "Its answer is not a list of rates as the European Central Bank writes it.".to_owned();
    let mut days: Vec<Day> = Vec::new();
    for tag in xml.split('<').skip(1) {
        let Some(tag) = tag.split('>').next().and_then(|tag| tag.strip_prefix("Cube")) else { continue };
        if let Some(time) = attribute(tag, "time") {
            let on = time.parse().map_err(|_| malformed())?;
            let base = attribute(tag, "base").unwrap_or("EUR").to_owned();
            if days.len() >= MOST_DAYS {
                return Err("Its answer has too many days.".to_owned());
            }
            days.push(Day { on, base, rates: Vec::new() });
        } else if let Some(currency) = attribute(tag, "currency") {
            let rate: Decimal = attribute(tag, "rate").and_then(|rate| rate.parse().ok()).ok_or_else(malformed)?;
            let fits = rate > Decimal::ZERO && rate < Decimal::from(1_000_000_000);
            let known = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
            match days.last_mut() {
                Some(day) if fits && known && day.rates.len() < 500 => day.rates.push((currency.to_owned(), rate)),
                _ => return Err(malformed()),
            }
        }
    }
    if days.is_empty() || days.iter().any(|day| day.rates.is_empty()) {
        return Err(malformed());
    }
    Ok(days)
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let mut from = tag;
    loop {
        let at = from.find(name)?;
        let (before, rest) = (&from[..at], &from[at + name.len()..]);
        let value = rest.trim_start().strip_prefix('=').map(str::trim_start);
        if before.ends_with(char::is_whitespace)
            && let Some(value) = value
        {
            let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
            return value[1..].split(quote).next();
        }
        from = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECB: &str = "<?xml version=\"1.0\"?><gesmes:Envelope><Cube><Cube time='2026-11-27'>\
        <Cube currency='USD' rate='1.25'/><Cube currency=\"JPY\" rate=\"160\"/></Cube></Cube></gesmes:Envelope>";

    #[test]
    fn rates_cross_the_base() {
        let days = read(ECB).unwrap_or_default();
        assert_eq!(days.len(), 1);
        let worth = |currency: &str, own: &str| days[0].worth(currency, own).map(|rate| rate.normalize().to_string());
        assert_eq!(worth("USD", "EUR"), Some("0.8".into()));
        assert_eq!(worth("EUR", "USD"), Some("1.25".into()));
        assert_eq!(worth("JPY", "USD"), Some("0.0078125".into()));
        assert_eq!(worth("CHF", "USD"), None);
        let other =
            read("<Cube time='2026-11-27' base='USD'><Cube currency='EUR' rate='0.8'/></Cube>").unwrap_or_default();
        assert_eq!(other[0].worth("USD", "EUR").map(|rate| rate.normalize().to_string()), Some("0.8".into()));
    }

    #[test]
    fn half_an_answer_is_none() {
        for wrong in [
            "",
            "<html>Not found</html>",
            "<Cube time='2026-11-27'></Cube>",
            "<Cube time='soon'><Cube currency='USD' rate='1'/></Cube>",
            "<Cube currency='USD' rate='1'/>",
            "<Cube time='2026-11-27'><Cube currency='USD' rate='-1'/></Cube>",
            "<Cube time='2026-11-27'><Cube currency='USD' rate='1'/><Cube currency='JPY' rate='x'/></Cube>",
            "<Cube time='2026-11-27'><Cube currency='usd' rate='1'/></Cube>",
            "<Cube time='2026-11-27'><Cube currency='USD'/></Cube>",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_inside_is_told_from_what_is_outside() {
        let public = |text: &str| text.parse().map(is_public);
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert_eq!(public(inside), Ok(false), "{inside}");
        }
        for outside in ["93.184.216.34", "2606:2800:220:1::1", "2a00:1450::1", "::ffff:93.184.216.34"] {
            assert_eq!(public(outside), Ok(true), "{outside}");
        }
        for wrong in ["ftp://example.com/x", "file:///etc/passwd", "https://user:pw@example.com/", "example.com", ""] {
            assert!(parse_url(wrong).is_err(), "{wrong}");
        }
    }
}
