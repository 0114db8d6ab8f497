//! Locks of objects: in headers and fields of forms, in documents, and in answers.

use kernel::{DefaultRetention, ObjectLock, Period, Protection, Retention, RetentionMode};
use s3s::dto;

use super::time;
use crate::s3_error::Mistake;

const MODE: &str = "x-amz-object-lock-mode";
const UNTIL: &str = "x-amz-object-lock-retain-until-date";
const HOLD: &str = "x-amz-object-lock-legal-hold";

/// The lock in the headers of an input. s3s gives several types the same fields and no trait between them.
macro_rules! lock_of_headers {
    ($input:expr) => {
        $crate::translate::object_lock::of_headers(
            $input.object_lock_mode.as_ref().map(s3s::dto::ObjectLockMode::as_str),
            $input.object_lock_retain_until_date.as_ref(),
            $input.object_lock_legal_hold_status.as_ref().map(s3s::dto::ObjectLockLegalHoldStatus::as_str),
        )
    };
}
pub(crate) use lock_of_headers;

fn mode(text: &str) -> Option<RetentionMode> {
    match text {
        dto::ObjectLockMode::GOVERNANCE => Some(RetentionMode::Governance),
        dto::ObjectLockMode::COMPLIANCE => Some(RetentionMode::Compliance),
        _ => None,
    }
}

fn mode_text(mode: RetentionMode) -> &'static str {
    match mode {
        RetentionMode::Governance => dto::ObjectLockMode::GOVERNANCE,
        RetentionMode::Compliance => dto::ObjectLockMode::COMPLIANCE,
    }
}

fn hold(text: &str) -> Option<bool> {
    match text {
        dto::ObjectLockLegalHoldStatus::ON => Some(true),
        dto::ObjectLockLegalHoldStatus::OFF => Some(false),
        _ => None,
    }
}

fn argument(name: &'static str, reason: &str) -> Mistake {
    Mistake::Argument { name, reason: reason.to_owned() }
}

/// The lock that headers ask for. A mode and a date come together or not at all.
///
/// Source: Amazon S3 API, *PutObject*.
pub(crate) fn of_headers(
    mode_asked: Option<&str>,
    until: Option<&dto::Timestamp>,
    hold_asked: Option<&str>,
) -> Result<Protection, Mistake> {
    let retention = match (mode_asked, until) {
        (None, None) => None,
        (Some(text), Some(until)) => Some(Retention {
            mode: mode(text).ok_or_else(|| argument(MODE, "must be GOVERNANCE or COMPLIANCE"))?,
            until: time::instant_from_wire(until).ok_or_else(|| argument(UNTIL, "the date must be in the future"))?,
        }),
        (Some(_), None) => return Err(argument(UNTIL, "must stand beside x-amz-object-lock-mode")),
        (None, Some(_)) => return Err(argument(MODE, "must stand beside x-amz-object-lock-retain-until-date")),
    };
    let legal_hold = match hold_asked {
        None => None,
        Some(text) => Some(hold(text).ok_or_else(|| argument(HOLD, "must be ON or OFF"))?),
    };
    Ok(Protection { retention, legal_hold, embargo: None })
}

/// The lock that the fields of a form ask for.
pub(crate) fn of_fields<'f>(field: impl Fn(&str) -> Option<&'f str>) -> Result<Protection, Mistake> {
    let until = field(UNTIL).map(|text| dto::Timestamp::parse(dto::TimestampFormat::DateTime, text));
    let until = until.transpose().map_err(|_| argument(UNTIL, "must be an ISO 8601 date"))?;
    of_headers(field(MODE), until.as_ref(), field(HOLD))
}

/// The retention in a document; none where it says that there shall be none.
///
/// Source: Amazon S3 API, *PutObjectRetention*.
pub(crate) fn retention(document: Option<dto::ObjectLockRetention>) -> Result<Option<Retention>, Mistake> {
    let document = document.ok_or(Mistake::Xml("a Retention is missing"))?;
    match (document.mode, document.retain_until_date) {
        (None, None) => Ok(None),
        (Some(text), Some(until)) => Ok(Some(Retention {
            mode: mode(text.as_str()).ok_or(Mistake::Xml("Mode must be GOVERNANCE or COMPLIANCE"))?,
            until: time::instant_from_wire(&until)
                .ok_or_else(|| argument("RetainUntilDate", "the date must be in the future"))?,
        })),
        _ => Err(Mistake::Xml("Mode and RetainUntilDate stand together")),
    }
}

/// A retention for a document.
pub(crate) fn retention_to_wire(retention: Retention) -> dto::ObjectLockRetention {
    dto::ObjectLockRetention {
        mode: Some(dto::ObjectLockRetentionMode::from_static(mode_text(retention.mode))),
        retain_until_date: Some(time::to_wire(retention.until)),
    }
}

/// A mode for a header.
pub(crate) fn mode_to_wire(mode: RetentionMode) -> dto::ObjectLockMode {
    dto::ObjectLockMode::from_static(mode_text(mode))
}

/// The hold in a document.
pub(crate) fn legal_hold(document: Option<dto::ObjectLockLegalHold>) -> Result<bool, Mistake> {
    let status = document.and_then(|document| document.status);
    status.and_then(|status| hold(status.as_str())).ok_or(Mistake::Xml("the Status of a LegalHold must be ON or OFF"))
}

/// A hold for a document or a header.
pub(crate) fn legal_hold_to_wire(hold: bool) -> dto::ObjectLockLegalHoldStatus {
    let text = if hold { dto::ObjectLockLegalHoldStatus::ON } else { dto::ObjectLockLegalHoldStatus::OFF };
    dto::ObjectLockLegalHoldStatus::from_static(text)
}

/// How a bucket is to lock its objects.
///
/// Source: Amazon S3 API, *PutObjectLockConfiguration*.
pub(crate) fn configuration(document: Option<dto::ObjectLockConfiguration>) -> Result<ObjectLock, Mistake> {
    let document = document.ok_or(Mistake::Xml("an ObjectLockConfiguration is missing"))?;
    if document.object_lock_enabled.as_ref().map(dto::ObjectLockEnabled::as_str)
        != Some(dto::ObjectLockEnabled::ENABLED)
    {
        return Err(Mistake::Xml("ObjectLockEnabled must be Enabled"));
    }
    let Some(rule) = document.rule else { return Ok(ObjectLock::default()) };
    let default = rule.default_retention.ok_or(Mistake::Xml("a Rule must hold a DefaultRetention"))?;
    let asked = default.mode.as_ref().and_then(|text| mode(text.as_str()));
    let mode = asked.ok_or(Mistake::Xml("Mode must be GOVERNANCE or COMPLIANCE"))?;
    let period = match (default.days, default.years) {
        (Some(days), None) => Period::Days(count(days, Period::DAYS_MAX)?),
        (None, Some(years)) => Period::Years(count(years, Period::YEARS_MAX)?),
        _ => return Err(Mistake::Xml("a DefaultRetention holds either Days or Years")),
    };
    Ok(ObjectLock { default: Some(DefaultRetention { mode, period }) })
}

fn count(asked: i32, max: u32) -> Result<u32, Mistake> {
    match u32::try_from(asked) {
        Ok(asked) if (1..=max).contains(&asked) => Ok(asked),
        _ => Err(Mistake::RetentionPeriod(format!("must be a whole number between 1 and {max}"))),
    }
}

/// How a bucket locks its objects, as a document.
pub(crate) fn configuration_to_wire(lock: ObjectLock) -> dto::ObjectLockConfiguration {
    let rule = lock.default.map(|DefaultRetention { mode, period }| {
        let of = |count: u32| i32::try_from(count).ok();
        let (days, years) = match period {
            Period::Days(days) => (of(days), None),
            Period::Years(years) => (None, of(years)),
        };
        let mode = Some(dto::ObjectLockRetentionMode::from_static(mode_text(mode)));
        dto::ObjectLockRule { default_retention: Some(dto::DefaultRetention { days, mode, years }) }
    });
    dto::ObjectLockConfiguration {
        object_lock_enabled: Some(dto::ObjectLockEnabled::from_static(dto::ObjectLockEnabled::ENABLED)),
        rule,
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    const DATE: &str = "2040-01-02T03:04:05.678Z";
    const DATE_MS: i64 = 2_209_086_245_678;

    fn wire(text: &str) -> dto::Timestamp {
        dto::Timestamp::parse(dto::TimestampFormat::DateTime, text).expect(text)
    }

    #[test]
    fn headers_bring_mode_and_date_together() {
        let until = wire(DATE);
        let protection = of_headers(Some("COMPLIANCE"), Some(&until), Some("OFF")).expect("a lock");
        let until_ms = Timestamp::from_millis(DATE_MS);
        assert_eq!(protection.retention, Some(Retention { mode: RetentionMode::Compliance, until: until_ms }));
        assert_eq!(protection.legal_hold, Some(false));
        assert_eq!(of_headers(None, None, None), Ok(Protection::default()));
        for (mode, until, hold) in [
            (Some("GOVERNANCE"), None, None),
            (None, Some(&until), None),
            (Some("governance"), Some(&until), None),
            (None, None, Some("on")),
        ] {
            assert!(matches!(of_headers(mode, until, hold), Err(Mistake::Argument { .. })), "{mode:?} {hold:?}");
        }
        assert!(of_headers(Some("GOVERNANCE"), Some(&wire("1960-01-01T00:00:00Z")), None).is_err());
    }

    #[test]
    fn fields_say_what_headers_say() {
        let fields = |date: &'static str| {
            move |name: &str| {
                [(MODE, "GOVERNANCE"), (UNTIL, date), (HOLD, "ON")]
                    .into_iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| value)
            }
        };
        let protection = of_fields(fields(DATE)).expect("a lock");
        assert_eq!(protection.retention.map(|retention| retention.until.as_millis()), Some(DATE_MS));
        assert_eq!(protection.legal_hold, Some(true));
        assert!(matches!(of_fields(fields("tomorrow")), Err(Mistake::Argument { name: UNTIL, .. })));
    }

    #[test]
    fn documents_say_all_or_nothing() {
        let document = |mode: Option<&'static str>, date: Option<&str>| {
            Some(dto::ObjectLockRetention {
                mode: mode.map(dto::ObjectLockRetentionMode::from_static),
                retain_until_date: date.map(wire),
            })
        };
        let read = retention(document(Some("GOVERNANCE"), Some(DATE))).expect("a retention").expect("one");
        assert_eq!(retention(Some(retention_to_wire(read))), Ok(Some(read)));
        assert_eq!(retention(document(None, None)), Ok(None));
        for bad in
            [None, document(Some("GOVERNANCE"), None), document(None, Some(DATE)), document(Some("abc"), Some(DATE))]
        {
            assert!(matches!(retention(bad), Err(Mistake::Xml(_))));
        }
        for (text, on) in [("ON", true), ("OFF", false)] {
            let status = Some(dto::ObjectLockLegalHoldStatus::from_static(text));
            assert_eq!(legal_hold(Some(dto::ObjectLockLegalHold { status })), Ok(on));
            assert_eq!(legal_hold_to_wire(on).as_str(), text);
        }
        assert!(matches!(legal_hold(None), Err(Mistake::Xml(_))));
    }

    #[test]
    fn configurations_come_back_and_periods_have_bounds() {
        let document = |days, years| {
            let mode = Some(dto::ObjectLockRetentionMode::from_static("COMPLIANCE"));
            let mut document = configuration_to_wire(ObjectLock::default());
            document.rule =
                Some(dto::ObjectLockRule { default_retention: Some(dto::DefaultRetention { days, mode, years }) });
            document
        };
        for (days, years) in [(Some(1), None), (Some(36_500), None), (None, Some(1)), (None, Some(100))] {
            let lock = configuration(Some(document(days, years))).expect("a configuration");
            assert_eq!(configuration_to_wire(lock), document(days, years));
        }
        for (days, years) in [(Some(0), None), (Some(36_501), None), (None, Some(-1)), (None, Some(101))] {
            assert!(matches!(configuration(Some(document(days, years))), Err(Mistake::RetentionPeriod(_))));
        }
        for (days, years) in [(Some(1), Some(1)), (None, None)] {
            assert!(matches!(configuration(Some(document(days, years))), Err(Mistake::Xml(_))));
        }
        assert_eq!(configuration(Some(configuration_to_wire(ObjectLock::default()))), Ok(ObjectLock::default()));
        assert!(matches!(configuration(None), Err(Mistake::Xml(_))));
    }
}
