//! XML looked over as it comes, for what s3s reads otherwise than it was written, or at length.
//!
//! s3s skips CDATA, so that `<Key>a<![CDATA[b]]></Key>` would name the object `a`; it skips document types, and reads tags
//! with a hundred thousand attributes. None of these comes from a client of S3. And it skips elements that it does not know:
//! where what is skipped would be a wish that nobody hears, the elements that mean something are listed here.

use super::body_fault::BodyFaultKind;

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
}

/// The elements that mean something to an operation; none where s3s knows whatever there is.
///
/// Source: Amazon S3 API, the request syntax of each.
fn known(operation: &str) -> Option<&'static [&'static str]> {
    Some(match operation {
        "PutObjectRetention" => &["Retention", "Mode", "RetainUntilDate"],
        "PutObjectLegalHold" => &["LegalHold", "Status"],
        "PutObjectLockConfiguration" => {
            &["ObjectLockConfiguration", "ObjectLockEnabled", "Rule", "DefaultRetention", "Mode", "Days", "Years"]
        }
        _ => return None,
    })
}

/// Looks over one document.
#[derive(Debug, Default)]
pub(crate) struct Markup {
    state: State,
    known: Option<&'static [&'static str]>,
    /// What was read so far of the name of an element that begins; none outside of names.
    name: Option<Vec<u8>>,
}

impl Markup {
    const TAG_BYTES_MAX: u16 = 4096;
    /// Longer than any name that is known.
    const NAME_BYTES_MAX: usize = 64;

    /// For the document of an operation.
    pub(crate) fn of(operation: &str) -> Self {
        Self { known: known(operation), ..Self::default() }
    }

    pub(crate) fn advance(&mut self, data: &[u8]) -> Result<(), BodyFaultKind> {
        for byte in data {
            if let Some(known) = self.known {
                self.read_name(known, *byte)?;
            }
            self.state = Self::step(self.state, *byte)?;
        }
        Ok(())
    }

    /// Reads names of elements, without their prefix, and compares them with those that are known.
    fn read_name(&mut self, known: &[&str], byte: u8) -> Result<(), BodyFaultKind> {
        if self.state == State::Opened && !b"!/?>".contains(&byte) {
            self.name = Some(Vec::new());
        }
        let Some(name) = &mut self.name else { return Ok(()) };
        if !byte.is_ascii_whitespace() && !b"/>".contains(&byte) && name.len() < Self::NAME_BYTES_MAX {
            if byte == b':' {
                name.clear()
            } else {
                name.push(byte)
            }
            return Ok(());
        }
        let is_known = known.iter().any(|known| known.as_bytes() == name.as_slice());
        self.name = None;
        if is_known { Ok(()) } else { Err(BodyFaultKind::Element) }
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

    #[test]
    fn elements_that_nobody_hears_do_not_pass() {
        let passes = |document: &str| {
            let mut markup = Markup::of("PutObjectRetention");
            document.as_bytes().chunks(3).all(|piece| markup.advance(piece).is_ok())
        };
        for document in [
            "<?xml version='1.0'?><Retention xmlns=\"urn:x\"><Mode>GOVERNANCE</Mode><RetainUntilDate\n>x</RetainUntilDate></Retention>",
            "<s3:Retention><!-- <EventHold> --><s3:Mode/></s3:Retention>",
        ] {
            assert!(passes(document), "{document}");
        }
        for document in [
            "<Retention><EventHold>ON</EventHold></Retention>",
            "<Retention><EventHold/></Retention>",
            "<ModeX>",
            "<Mode2 a='b'>",
        ] {
            assert!(!passes(document), "{document}");
        }
        assert!(!passes(&format!("<{}>", "M".repeat(100))));
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
