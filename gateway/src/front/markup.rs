//! XML looked over as it comes, for what s3s reads otherwise than it was written, or at length.
//!
//! s3s skips CDATA, so that `<Key>a<![CDATA[b]]></Key>` would name the object `a`; it skips document types, and reads tags
//! with a hundred thousand attributes. None of these comes from a client of S3. And it skips elements that it does not know,
//! or that stand where it does not look: what is skipped would be a wish that nobody hears, so [`schema`] says which elements
//! may stand where.

mod schema;

use super::body_fault::BodyFaultKind;
use schema::Elements;

/// Where in the markup the document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// After `<`.
    Opened,
    /// After `<!`.
    Bang,
    /// In a tag, so many bytes after its `<`; within this quotation mark.
    Tag { bytes: u16, quote: Option<u8> },
    /// In a comment, after so many hyphens in a row.
    Comment { hyphens: u8 },
    /// In an instruction, such as the declaration of XML, which ends with `?>` whatever is quoted in it.
    Instruction { bytes: u16, question: bool },
}

/// Looks over one document.
#[derive(Debug, Default)]
pub(crate) struct Markup {
    state: State,
    nesting: Option<Nesting>,
}

/// Where among the elements of its operation's document a reader is.
#[derive(Debug)]
struct Nesting {
    /// For the document, then for each element that is open, what may stand in it.
    open: Vec<Elements>,
    tag: Tag,
}

/// The tag of an element, as far as it was read.
#[derive(Debug, Default)]
enum Tag {
    #[default]
    None,
    Begins {
        name: Vec<u8>,
    },
    Named {
        holds: Elements,
        /// Whether the last byte was a slash, so that the element would end with its tag.
        slash: bool,
    },
    Ends,
}

impl Nesting {
    /// Longer than any name that is known.
    const NAME_BYTES_MAX: usize = 64;

    fn advance(&mut self, state: State, byte: u8) -> Result<(), BodyFaultKind> {
        match (state, &mut self.tag) {
            (State::Opened, tag) => {
                *tag = match byte {
                    b'!' | b'?' | b'>' => Tag::None,
                    b'/' => Tag::Ends,
                    _ => Tag::Begins { name: vec![byte] },
                };
            }
            (State::Tag { quote: None, .. }, Tag::Begins { name }) => {
                if !byte.is_ascii_whitespace() && !b"/>".contains(&byte) {
                    name.push(byte);
                    return if name.len() > Self::NAME_BYTES_MAX { Err(BodyFaultKind::Schema) } else { Ok(()) };
                }
                let holds = schema::find(self.open.last().copied().unwrap_or_default(), name)?;
                self.in_tag(holds, byte, false);
            }
            (State::Tag { quote: None, .. }, Tag::Named { holds, slash }) => {
                let (holds, slash) = (*holds, *slash);
                self.in_tag(holds, byte, slash);
            }
            (State::Tag { quote: None, .. }, Tag::Ends) if byte == b'>' => {
                self.open.pop();
                self.tag = Tag::None;
            }
            _ => {}
        }
        Ok(())
    }

    fn in_tag(&mut self, holds: Elements, byte: u8, slash: bool) {
        self.tag = match byte {
            b'>' => {
                if !slash {
                    self.open.push(holds);
                }
                Tag::None
            }
            byte => Tag::Named { holds, slash: byte == b'/' },
        };
    }
}

impl Markup {
    const TAG_BYTES_MAX: u16 = 4096;

    /// For the document of an operation.
    pub(crate) fn of(operation: &str) -> Self {
        let nesting = schema::document(operation).map(|root| Nesting { open: vec![root], tag: Tag::None });
        Self { nesting, ..Self::default() }
    }

    pub(crate) fn advance(&mut self, data: &[u8]) -> Result<(), BodyFaultKind> {
        for byte in data {
            if let Some(nesting) = &mut self.nesting {
                nesting.advance(self.state, *byte)?;
            }
            self.state = Self::step(self.state, *byte)?;
        }
        Ok(())
    }

    fn step(state: State, byte: u8) -> Result<State, BodyFaultKind> {
        match (state, byte) {
            (State::Text, b'<') => Ok(State::Opened),
            (State::Text, _) => Ok(State::Text),
            (State::Opened, b'!') => Ok(State::Bang),
            // `<!--` begins a comment, which s3s reads right; `<!>`, `<!D` and `<![` begin something else.
            (State::Bang, b'-') => Ok(State::Comment { hyphens: 0 }),
            (State::Bang, _) => Err(BodyFaultKind::Markup),
            (State::Comment { hyphens: 2.. }, b'>') => Ok(State::Text),
            (State::Comment { hyphens }, b'-') => Ok(State::Comment { hyphens: hyphens.saturating_add(1) }),
            (State::Comment { .. }, _) => Ok(State::Comment { hyphens: 0 }),
            (State::Opened, b'?') => Ok(State::Instruction { bytes: 1, question: false }),
            (State::Instruction { question: true, .. }, b'>') => Ok(State::Text),
            (State::Instruction { bytes: Self::TAG_BYTES_MAX.., .. }, _) => Err(BodyFaultKind::Markup),
            (State::Instruction { bytes, .. }, byte) => {
                Ok(State::Instruction { bytes: bytes + 1, question: byte == b'?' })
            }
            (State::Opened | State::Tag { quote: None, .. }, b'>') => Ok(State::Text),
            (State::Opened, _) => Ok(State::Tag { bytes: 1, quote: None }),
            (State::Tag { bytes: Self::TAG_BYTES_MAX.., .. }, _) => Err(BodyFaultKind::Markup),
            (State::Tag { bytes, quote: None }, b'"' | b'\'') => Ok(State::Tag { bytes: bytes + 1, quote: Some(byte) }),
            (State::Tag { bytes, quote: Some(quote) }, byte) if byte == quote => {
                Ok(State::Tag { bytes: bytes + 1, quote: None })
            }
            (State::Tag { bytes, quote }, _) => Ok(State::Tag { bytes: bytes + 1, quote }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(document: &str) -> bool {
        let mut markup = Markup::default();
        document.as_bytes().chunks(3).all(|piece| markup.advance(piece).is_ok())
    }

    #[test]
    fn documents_of_clients_pass() {
        let long_comment = format!("<a><!-- {} --></a>", "x".repeat(10_000));
        for document in [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a xmlns='urn:x' b=\"'>'\">text &amp; more</a>",
            "<a><!-- <![CDATA[ <!DOCTYPE -- > --></a>",
            "<a/><!---->",
            "not xml > at all",
            "",
            &long_comment,
            &"<a>text</a>".repeat(10_000),
        ] {
            assert!(passes(document), "{document:.60}");
        }
    }

    fn read_as(operation: &str, document: &str) -> Result<(), BodyFaultKind> {
        let mut markup = Markup::of(operation);
        document.as_bytes().chunks(3).try_for_each(|piece| markup.advance(piece))
    }

    #[test]
    fn elements_that_nobody_hears_do_not_pass() {
        for document in [
            "<?xml version='1.0'?><Retention xmlns=\"urn:x\"><Mode>GOVERNANCE</Mode><RetainUntilDate\n>x</RetainUntilDate></Retention>",
            "<Retention><!-- <EventHold> --><Mode/><RetainUntilDate a='/' /></Retention>",
            "<?xml version='1.0' standalone='?><Retention><Mode a='>'></Mode></Retention >",
        ] {
            assert_eq!(read_as("PutObjectRetention", document), Ok(()), "{document}");
        }
        for (document, fault) in [
            ("<Retention><EventHold>ON</EventHold></Retention>", BodyFaultKind::NotOffered),
            ("<Retention><EventHold/></Retention>", BodyFaultKind::NotOffered),
            ("<Retention><?x '?><EventHold/></Retention>", BodyFaultKind::NotOffered),
            ("<Retention><Modes>", BodyFaultKind::Schema),
            ("<Retention><s3:Mode>", BodyFaultKind::Schema),
            ("<Retention><Mode2 a='b'>", BodyFaultKind::Schema),
            ("<Retention><Retention>", BodyFaultKind::Schema),
            ("<Retention><Mode><Mode>", BodyFaultKind::Schema),
            ("<Retention><Mode><RetainUntilDate/></Mode></Retention>", BodyFaultKind::Schema),
            ("<Retention><Mode/ ><RetainUntilDate/>", BodyFaultKind::Schema),
            ("<Mode>", BodyFaultKind::Schema),
            ("</Retention><Mode/>", BodyFaultKind::Schema),
        ] {
            assert_eq!(read_as("PutObjectRetention", document), Err(fault), "{document}");
        }
        assert_eq!(read_as("PutObjectRetention", &format!("<{}>", "M".repeat(100))), Err(BodyFaultKind::Schema));
    }

    #[test]
    fn what_s3s_would_skip_does_not() {
        let attributes = format!("<a {}>", "b=\"c\" ".repeat(1000));
        let hidden = format!("<a {}>", "b='>' ".repeat(1000));
        let unclosed = format!("<a {}", "x".repeat(5000));
        for document in [
            "<a><![CDATA[b]]></a>",
            "<!DOCTYPE a><a/>",
            "<!ENTITY a 'b'>",
            "<a><!></a>",
            "<!-- comment --><![CDATA[b]]>",
            "<a b='<'><![CDATA[b]]></a>",
            &attributes,
            &hidden,
            &unclosed,
        ] {
            assert!(!passes(document), "{document:.60}");
        }
    }
}
