//! Answers in XML.

use std::fmt::Write as _;

use kernel::Timestamp;
use quick_xml::escape::escape;

use crate::translate::time;

/// An element.
pub(crate) struct Node {
    name: &'static str,
    holds: Holds,
}

enum Holds {
    Text(String),
    Nodes(Vec<Node>),
}

impl Node {
    /// An element that holds text.
    pub(super) fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, holds: Holds::Text(text.into()) }
    }
    /// An element that holds others.
    pub(super) fn of(name: &'static str, nodes: Vec<Node>) -> Self {
        Self { name, holds: Holds::Nodes(nodes) }
    }
    /// An element that holds a `member` for each item of a list.
    pub(super) fn list<T>(
        name: &'static str,
        items: impl IntoIterator<Item = T>,
        node: impl Fn(T) -> Vec<Node>,
    ) -> Self {
        Self::of(name, items.into_iter().map(|item| Self::of("member", node(item))).collect())
    }
    /// An element that holds a `member` with text for each item of a list.
    pub(super) fn texts(name: &'static str, items: impl IntoIterator<Item = String>) -> Self {
        Self::of(name, items.into_iter().map(|item| Self::text("member", item)).collect())
    }
    /// An element that holds an instant.
    pub(super) fn instant(name: &'static str, at_ms: i64) -> Self {
        let whole = Timestamp::from_secs(Timestamp::from_millis(at_ms).as_secs());
        Self::text(name, time::rfc_3339(whole))
    }
    /// Whether more of a list follows, and behind what.
    pub(super) fn more(next: Option<String>) -> Vec<Self> {
        let truncated = Self::text("IsTruncated", next.is_some().to_string());
        std::iter::once(truncated).chain(next.map(|next| Self::text("Marker", next))).collect()
    }

    fn write(&self, into: &mut String) {
        // Writing to a string cannot fail.
        let _ = match &self.holds {
            Holds::Text(text) => write!(into, "<{0}>{1}</{0}>", self.name, escape(text.as_str())),
            Holds::Nodes(nodes) => {
                let _ = write!(into, "<{}>", self.name);
                nodes.iter().for_each(|node| node.write(into));
                write!(into, "</{}>", self.name)
            }
        };
    }
}

/// Operations that answer with a result that holds nothing. Others that have nothing to say have no result.
const EMPTY_RESULTS: [&str; 1] = ["UpdateRole"];

/// The answer to an operation.
pub(super) fn answer(action: &str, namespace: &str, result: Vec<Node>, request_id: &str) -> String {
    let mut text = format!("<{action}Response xmlns=\"{namespace}\">");
    if !result.is_empty() || EMPTY_RESULTS.contains(&action) {
        let _ = write!(text, "<{action}Result>");
        result.iter().for_each(|node| node.write(&mut text));
        let _ = write!(text, "</{action}Result>");
    }
    let _ = write!(
        text,
        "<ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
        escape(request_id)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_wrap_what_they_say() {
        let nodes = vec![Node::text("A", "<&>"), Node::texts("L", ["x".to_owned()])];
        assert_eq!(
            answer("Do", "urn:x", nodes, "ID"),
            "<DoResponse xmlns=\"urn:x\"><DoResult><A>&lt;&amp;&gt;</A><L><member>x</member></L></DoResult>\
             <ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></DoResponse>"
        );
    }
}
