//! DEFLATE (RFC 1951), unpacked piece by piece into a caller's hands: only to look at what an archive really holds before anything
//! that believes its own figures opens it.

use std::io::{self, BufRead};

const WINDOW: usize = 32 * 1024;
const PIECE: usize = 64 * 1024;
const FAST: u32 = 10;

/// Unpacks `input`, handing every piece to `take`, which may stop it with an error.
pub fn inflate(input: impl BufRead, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut stream = Stream { input, bits: 0, held: 0, out: Vec::with_capacity(WINDOW + PIECE + 512), given: 0, take };
    while !stream.block()? {}
    stream.flush(true)
}

struct Stream<'t, R> {
    input: R,
    bits: u64,
    held: u32,
    /// The last 32 KB, which matches point into, and what has come since.
    out: Vec<u8>,
    given: usize,
    take: &'t mut dyn FnMut(&[u8]) -> io::Result<()>,
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its packed data are damaged")
}

/// Canonical Huffman codes: short ones by table, long ones by counting.
struct Codes {
    fast: Vec<u16>,
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Codes {
    fn new(lengths: &[u8]) -> io::Result<Self> {
        let mut counts = [0u16; 16];
        lengths.iter().for_each(|l| counts[usize::from(*l)] += 1);
        counts[0] = 0;
        let mut left = 1i32;
        for count in &counts[1..] {
            left = (left << 1) - i32::from(*count);
            if left < 0 {
                return Err(damaged());
            }
        }
        let (mut offsets, mut code, mut codes) = ([0usize; 16], 0u32, [0u32; 16]);
        for len in 1..16 {
            offsets[len] = offsets[len - 1] + usize::from(counts[len - 1]);
            code = (code + u32::from(counts[len - 1])) << 1;
            codes[len] = code;
        }
        let mut symbols = vec![0u16; lengths.len()];
        let mut fast = vec![0u16; 1 << FAST];
        for (symbol, len) in lengths.iter().enumerate().filter(|(_, len)| **len > 0) {
            let (len, symbol) = (usize::from(*len), symbol as u16);
            symbols[offsets[len]] = symbol;
            offsets[len] += 1;
            let bits = len as u32;
            if bits <= FAST {
                let reversed = codes[len].reverse_bits() >> (32 - bits);
                let entries = (reversed as usize..1 << FAST).step_by(1 << bits);
                entries.for_each(|at| fast[at] = symbol << 4 | len as u16);
            }
            codes[len] += 1;
        }
        Ok(Self { fast, counts, symbols })
    }
}

impl<R: BufRead> Stream<'_, R> {
    /// Makes sure of at least `count` bits, as far as the input goes.
    fn need(&mut self, count: u32) -> io::Result<()> {
        while self.held < count {
            let buffer = self.input.fill_buf()?;
            let room = ((63 - self.held) / 8) as usize;
            let taken = buffer.len().min(room);
            if taken == 0 {
                return Ok(());
            }
            for byte in &buffer[..taken] {
                self.bits |= u64::from(*byte) << self.held;
                self.held += 8;
            }
            self.input.consume(taken);
        }
        Ok(())
    }

    fn read(&mut self, count: u32) -> io::Result<usize> {
        self.need(count)?;
        if self.held < count {
            return Err(damaged());
        }
        let value = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        self.held -= count;
        Ok(value as usize)
    }

    fn symbol(&mut self, codes: &Codes) -> io::Result<usize> {
        self.need(15)?;
        let entry = codes.fast[(self.bits & ((1 << FAST) - 1)) as usize];
        let len = u32::from(entry & 15);
        if len > 0 && len <= self.held {
            self.bits >>= len;
            self.held -= len;
            return Ok(usize::from(entry >> 4));
        }
        let (mut code, mut first, mut index) = (0i32, 0i32, 0i32);
        for count in &codes.counts[1..] {
            code |= i32::try_from(self.read(1)?).unwrap_or(0);
            let count = i32::from(*count);
            if code - first < count {
                return codes.symbols.get((index + code - first) as usize).map(|s| usize::from(*s)).ok_or_else(damaged);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(damaged())
    }

    fn flush(&mut self, all: bool) -> io::Result<()> {
        if all || self.out.len() - self.given >= PIECE {
            (self.take)(&self.out[self.given..])?;
            let kept = self.out.len().min(WINDOW);
            self.out.drain(..self.out.len() - kept);
            self.given = kept;
        }
        Ok(())
    }

    /// One block; whether it was the last.
    fn block(&mut self) -> io::Result<bool> {
        let last = self.read(1)? == 1;
        match self.read(2)? {
            0 => self.stored()?,
            1 => {
                let mut lengths = [8u8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                let (literals, distances) = (Codes::new(&lengths)?, Codes::new(&[5; 30])?);
                self.packed(&literals, &distances)?;
            }
            2 => {
                let (literals, distances) = self.tables()?;
                self.packed(&literals, &distances)?;
            }
            _ => return Err(damaged()),
        }
        Ok(last)
    }

    fn stored(&mut self) -> io::Result<()> {
        self.read(self.held % 8)?;
        let (length, check) = (self.read(16)?, self.read(16)?);
        if length != !check & 0xFFFF {
            return Err(damaged());
        }
        for _ in 0..length {
            let byte = self.read(8)? as u8;
            self.out.push(byte);
            self.flush(false)?;
        }
        Ok(())
    }

    fn tables(&mut self) -> io::Result<(Codes, Codes)> {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let (literals, distances, count) = (self.read(5)? + 257, self.read(5)? + 1, self.read(4)? + 4);
        let mut lengths = [0u8; 19];
        for at in &ORDER[..count] {
            lengths[*at] = self.read(3)? as u8;
        }
        let codes = Codes::new(&lengths)?;
        let mut lengths: Vec<u8> = Vec::with_capacity(320);
        while lengths.len() < literals + distances {
            let (value, times) = match self.symbol(&codes)? {
                16 => (*lengths.last().ok_or_else(damaged)?, 3 + self.read(2)?),
                17 => (0, 3 + self.read(3)?),
                18 => (0, 11 + self.read(7)?),
                length => (length as u8, 1),
            };
            lengths.extend(std::iter::repeat_n(value, times));
        }
        if lengths.len() > literals + distances || literals > 286 {
            return Err(damaged());
        }
        Ok((Codes::new(&lengths[..literals])?, Codes::new(&lengths[literals..])?))
    }

    fn packed(&mut self, literals: &Codes, distances: &Codes) -> io::Result<()> {
        const LENGTHS: [(usize, u32); 29] = [
            (3, 0),
            (4, 0),
            (5, 0),
            (6, 0),
            (7, 0),
            (8, 0),
            (9, 0),
            (10, 0),
            (11, 1),
            (13, 1),
            (15, 1),
            (17, 1),
            (19, 2),
            (23, 2),
            (27, 2),
            (31, 2),
            (35, 3),
            (43, 3),
            (51, 3),
            (59, 3),
            (67, 4),
            (83, 4),
            (99, 4),
            (115, 4),
            (131, 5),
            (163, 5),
            (195, 5),
            (227, 5),
            (258, 0),
        ];
        loop {
            match self.symbol(literals)? {
                byte @ 0..=255 => self.out.push(byte as u8),
                256 => return Ok(()),
                symbol => {
                    let (base, extra) = *LENGTHS.get(symbol - 257).ok_or_else(damaged)?;
                    let length = base + self.read(extra)?;
                    let symbol = self.symbol(distances)?;
                    let extra = (symbol / 2).saturating_sub(1) as u32;
                    let base = match symbol {
                        0..=3 => symbol + 1,
                        4..=29 => ((2 + symbol % 2) << extra) + 1,
                        _ => return Err(damaged()),
                    };
                    let distance = base + self.read(extra)?;
                    let from = self.out.len().checked_sub(distance).ok_or_else(damaged)?;
                    for at in from..from + length {
                        self.out.push(self.out[at]);
                    }
                }
            }
            self.flush(false)?;
        }
    }
}
