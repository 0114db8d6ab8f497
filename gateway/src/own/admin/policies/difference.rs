//! What a candidate would change over the whole catalogue, and what time alone will: answered by pages.

use engine::{Access, Amount, Comparison, Forecast, Place, Publication, Survey, Turn};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{Asked, Told};
use super::question::{CandidateDocument, action, instant};
use crate::s3_error::{Failure, Mistake};
use crate::translate::{names, time};

/// What a walk is about.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SurveyDocument {
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    bucket: Option<String>,
    #[serde(default)]
    after: Option<PlaceDocument>,
}

/// Where a page ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceDocument {
    bucket: String,
    key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComparisonQuestion {
    candidate: CandidateDocument,
    #[serde(default)]
    survey: SurveyDocument,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForecastQuestion {
    until: String,
    #[serde(default)]
    survey: SurveyDocument,
}

#[derive(Debug, Serialize)]
struct AmountDocument {
    objects: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct ShiftDocument<'a> {
    bucket: &'a str,
    who: &'a str,
    what: &'static str,
    gained: AmountDocument,
    lost: AmountDocument,
}

#[derive(Debug, Serialize)]
struct PublicationDocument<'a> {
    bucket: &'a str,
    what: &'static str,
    /// From when on under the sets that count; `null` for never by itself.
    before: Option<String>,
    /// From when on under the candidate.
    after: Option<String>,
    #[serde(flatten)]
    amount: AmountDocument,
}

#[derive(Debug, Serialize)]
struct ComparisonDocument<'a> {
    at: String,
    shifts: Vec<ShiftDocument<'a>>,
    public: Vec<PublicationDocument<'a>>,
    walked: AmountDocument,
    next: Option<PlaceDocument>,
}

#[derive(Debug, Serialize)]
struct TurnDocument<'a> {
    at: String,
    bucket: &'a str,
    who: &'a str,
    what: &'static str,
    opens: bool,
    #[serde(flatten)]
    amount: AmountDocument,
}

#[derive(Debug, Serialize)]
struct ForecastDocument<'a> {
    from: String,
    turns: Vec<TurnDocument<'a>>,
    walked: AmountDocument,
    next: Option<PlaceDocument>,
}

impl From<Amount> for AmountDocument {
    fn from(amount: Amount) -> Self {
        Self { objects: amount.objects, bytes: amount.bytes }
    }
}

impl From<&Place> for PlaceDocument {
    fn from(place: &Place) -> Self {
        Self { bucket: place.bucket.as_str().to_owned(), key: place.key.clone() }
    }
}

impl TryFrom<SurveyDocument> for Survey {
    type Error = Mistake;

    fn try_from(document: SurveyDocument) -> Result<Self, Mistake> {
        let SurveyDocument { subjects, actions, bucket, after } = document;
        let place = |PlaceDocument { bucket, key }| Ok::<_, Mistake>(Place { bucket: names::bucket(&bucket)?, key });
        Ok(Self {
            subjects,
            actions: actions.iter().map(|name| action(name)).collect::<Result<_, _>>()?,
            bucket: bucket.as_deref().map(names::bucket).transpose()?,
            after: after.map(place).transpose()?,
        })
    }
}

fn since(at: Option<Timestamp>) -> Option<String> {
    at.map(time::rfc_3339)
}

/// `POST policy/comparison`
pub(in super::super) async fn compare(asked: Asked<'_>) -> Result<Told, Failure> {
    let ComparisonQuestion { candidate, survey } = asked.document()?;
    let survey = Survey::try_from(survey)?;
    let compared = asked.engine.compare_policies(asked.caller, &survey, candidate.candidate()).await?;
    let Comparison { shifts, public, walked, at, next } = &compared;
    let shifts = shifts.iter().map(|(Access { bucket, who, action }, shift)| ShiftDocument {
        bucket: bucket.as_str(),
        who,
        what: action.name(),
        gained: shift.gained.into(),
        lost: shift.lost.into(),
    });
    let public = public.iter().map(|(Publication { access, before, after }, amount)| PublicationDocument {
        bucket: access.bucket.as_str(),
        what: access.action.name(),
        before: since(*before),
        after: since(*after),
        amount: (*amount).into(),
    });
    Told::json(&ComparisonDocument {
        at: time::rfc_3339(*at),
        shifts: shifts.collect(),
        public: public.collect(),
        walked: (*walked).into(),
        next: next.as_ref().map(PlaceDocument::from),
    })
}

/// `POST policy/forecast`
pub(in super::super) async fn forecast(asked: Asked<'_>) -> Result<Told, Failure> {
    let ForecastQuestion { until, survey } = asked.document()?;
    let (survey, until) = (Survey::try_from(survey)?, instant("until", &until)?);
    let foreseen = asked.engine.forecast(asked.caller, &survey, until).await?;
    let Forecast { turns, walked, from, next } = &foreseen;
    let turns = turns.iter().map(|(Turn { at, access, opens }, amount)| TurnDocument {
        at: time::rfc_3339(*at),
        bucket: access.bucket.as_str(),
        who: &access.who,
        what: access.action.name(),
        opens: *opens,
        amount: (*amount).into(),
    });
    Told::json(&ForecastDocument {
        from: time::rfc_3339(*from),
        turns: turns.collect(),
        walked: (*walked).into(),
        next: next.as_ref().map(PlaceDocument::from),
    })
}
