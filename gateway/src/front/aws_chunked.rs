//! The framing of `aws-chunked` bodies, watched from outside.
//!
//! s3s decodes them and checks every signature, but takes the end of the stream for the end of the body. The final chunk
//! carries the last signature and the trailers, so a body without it is a body cut short. This reader follows the chunk
//! headers, skips the data without looking, and knows at the end whether the final chunk came. It also sees each chunk's
//! size before s3s begins to hold the chunk.

use super::body_fault::BodyFaultKind;

/// Where in the framing the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the digits of a size.
    Size {
        value: u64,
        digits: u8,
    },
    /// After the size, before the line's end; so many bytes may still come.
    Extension {
        size: u64,
        room: u16,
    },
    /// After the line's CR.
    LineEnd {
        size: u64,
    },
    /// In a chunk's data.
    Data {
        left: u64,
    },
    /// After a chunk's data: CR, then LF.
    DataCr,
    DataLf,
    /// After the final chunk's header.
    Final,
}

/// Follows the framing of one body.
#[derive(Debug)]
pub(crate) struct Framing {
    state: State,
}

impl Framing {
    /// s3s reads sizes of at most eight digits.
    const DIGITS_MAX: u8 = 8;
    const EXTENSION_BYTES_MAX: u16 = 1000;

    pub(crate) fn new() -> Self {
        Self { state: State::Size { value: 0, digits: 0 } }
    }

    /// Goes on over `bytes` and calls `opened` with the size of each chunk whose header ends in them.
    pub(crate) fn advance(
        &mut self,
        mut bytes: &[u8],
        mut opened: impl FnMut(u64) -> Result<(), BodyFaultKind>,
    ) -> Result<(), BodyFaultKind> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.state {
                State::Final => return Ok(()),
                State::Data { left } => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (_, rest) = bytes.split_at(taken);
                    let left = left - taken as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data { left } };
                    bytes = rest;
                    continue;
                }
                state => self.state = Self::step(state, byte)?,
            }
            if byte == b'\n' {
                match self.state {
                    State::Data { left } => opened(left)?,
                    State::Final => opened(0)?,
                    _ => {}
                }
            }
            bytes = rest;
        }
        Ok(())
    }

    fn step(state: State, byte: u8) -> Result<State, BodyFaultKind> {
        let malformed = Err(BodyFaultKind::ChunkHeader);
        match (state, byte) {
            (State::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                if digits == Self::DIGITS_MAX {
                    return malformed;
                }
                Ok(State::Size { value: value << 4 | digit, digits: digits + 1 })
            }
            (State::Size { digits: 0, .. }, _) => malformed,
            (State::Size { value, .. }, b';') => Ok(State::Extension { size: value, room: Self::EXTENSION_BYTES_MAX }),
            (State::Size { value, .. }, b'\r') => Ok(State::LineEnd { size: value }),
            (State::Extension { size, .. }, b'\r') => Ok(State::LineEnd { size }),
            (State::Extension { .. }, b'\n') | (State::Extension { room: 0, .. }, _) => malformed,
            (State::Extension { size, room }, _) => Ok(State::Extension { size, room: room - 1 }),
            (State::LineEnd { size: 0 }, b'\n') => Ok(State::Final),
            (State::LineEnd { size }, b'\n') => Ok(State::Data { left: size }),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size { value: 0, digits: 0 }),
            _ => malformed,
        }
    }

    /// Whether the stream may end here.
    pub(crate) fn finish(&self) -> Result<(), BodyFaultKind> {
        if self.state == State::Final { Ok(()) } else { Err(BodyFaultKind::FinalChunkMissing) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIGNATURE: &str = ";chunk-signature=0000000000000000000000000000000000000000000000000000000000000000";

    fn read(body: &[u8], step: usize) -> (Result<(), BodyFaultKind>, Vec<u64>) {
        let mut framing = Framing::new();
        let mut sizes = Vec::new();
        for piece in body.chunks(step) {
            if let Err(fault) = framing.advance(piece, |size| {
                sizes.push(size);
                Ok(())
            }) {
                return (Err(fault), sizes);
            }
        }
        (framing.finish(), sizes)
    }

    #[test]
    fn bodies_that_s3_sends_are_complete() {
        let signed = format!("5{SIGNATURE}\r\nhello\r\n0{SIGNATURE}\r\n\r\n");
        for body in [
            signed.as_str(),
            "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "00000005\r\n\r\n0\r\n\r\n0\r\n",
            "0\r\n\r\n",
        ] {
            for step in [1, 2, 7, 4096] {
                assert_eq!(read(body.as_bytes(), step).0, Ok(()), "{body:?} by {step}");
            }
        }
    }

    #[test]
    fn anything_cut_before_the_final_chunk_is_incomplete() {
        let body = format!("5{SIGNATURE}\r\nhello\r\nA{SIGNATURE}\r\n0123456789\r\n0{SIGNATURE}\r\n\r\n");
        let complete = body.len() - 2;
        for end in 0..body.len() {
            let expected = if end < complete { Err(BodyFaultKind::FinalChunkMissing) } else { Ok(()) };
            assert_eq!(read(&body.as_bytes()[..end], 3).0, expected, "{end}");
        }
    }

    #[test]
    fn malformed_headers_are_refused() {
        let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(2000));
        for body in [
            "",
            "-1\r\n",
            "0x10\r\n",
            "+5\r\nhello\r\n0\r\n",
            "\r\n",
            ";\r\n",
            "fffffffff\r\n",
            "5\nhello\r\n0\r\n",
            "5 \r\nhello\r\n0\r\n",
            "5\r\nhelloo\r\n0\r\n",
            "5\r\nhello0\r\n",
            "5;a\nhello\r\n0\r\n",
            &long,
            "zz\r\n",
        ] {
            for step in [1, 4096] {
                assert!(read(body.as_bytes(), step).0.is_err(), "{body:?} by {step}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_cut_of_the_frames_does_not_matter(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..5),
            step in 1usize..40,
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend_from_slice(format!("{:x}{SIGNATURE}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\n\r\n");
            let sizes: Vec<u64> = chunks.iter().map(|chunk| chunk.len() as u64).chain([0]).collect();
            prop_assert_eq!(read(&body, step), (Ok(()), sizes));
        }

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), step in 1usize..20) {
            let _ = read(&body, step);
        }
    }
}
