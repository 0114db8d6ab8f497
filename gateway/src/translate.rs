//! Between the words of S3 and those of the lake, in both directions.
//!
//! What comes in is checked once, here, and is a kernel or engine value afterwards; a [`crate::s3_error::Mistake`] says
//! why something is not. What goes out is written as S3 clients expect it. Nothing in here waits for anything.

pub(crate) mod acl;
pub(crate) mod as_of;
pub(crate) mod attributes;
pub(crate) mod body;
pub(crate) mod checksums;
pub(crate) mod conditions;
pub(crate) mod copy_source;
pub(crate) mod cors;
pub(crate) mod embargo;
pub(crate) mod legible;
pub(crate) mod listing;
pub(crate) mod names;
pub(crate) mod object_lock;
pub(crate) mod ranges;
pub(crate) mod time;
pub(crate) mod unhonoured;
pub(crate) mod website;
