//! Leave: how permits are asked for.
//!
//! A decision rests on facts: those of the bucket, and of the version where there is one. So the version is found first,
//! and what was found is shown to nobody before the judge has spoken: a caller who may not is told so whether the object
//! exists or not, and that there is none is told only to who may list the bucket, as in S3. Root and the lake itself are
//! bound by no policy, and nothing is looked up for them.

use kernel::{Caller, ObjectKey, Protection, Sequence, Tags, Timestamp, Version, VersionName, Who};
use std::sync::Arc;

use policy::{
    Action, BucketView, Group, Judge, ObjectView, OperationKeys, Permit, Policies, Question, Refusal, Source,
    VersionView,
};

use crate::audit;
use crate::facts::BucketFacts;
use crate::identity::CallerPolicies;
use crate::policy_sets::Snapshot;
use crate::{Engine, Error, Fault, Missing, Result};

/// What leave is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// What to do.
    pub(crate) action: Action,
    /// The bucket it concerns, as it is or as it will be.
    pub(crate) bucket: Option<BucketView<'a>>,
    /// What the bucket's own policies are made from; none for a bucket that is yet to be made.
    pub(crate) facts: Option<&'a BucketFacts>,
    /// The object it concerns.
    pub(crate) object: Option<ObjectView<'a>>,
    /// The ARN of the identity it concerns.
    pub(crate) identity: Option<&'a str>,
    /// Who may take on the role it concerns.
    pub(crate) trust: Option<&'a Arc<Source>>,
    /// The tags that the request sets.
    pub(crate) tags: Option<&'a Tags>,
    /// What the request keeps the object from.
    pub(crate) protection: Option<&'a Protection>,
    /// Condition keys that the operation itself has.
    pub(crate) keys: Option<&'a OperationKeys>,
}

impl<'a> Ask<'a> {
    /// For something with the lake as a whole.
    pub(crate) fn lake(action: Action) -> Self {
        Self {
            action,
            bucket: None,
            facts: None,
            object: None,
            identity: None,
            trust: None,
            tags: None,
            protection: None,
            keys: None,
        }
    }

    /// For something with a bucket.
    pub(crate) fn bucket(action: Action, facts: &'a BucketFacts) -> Self {
        Self { bucket: Some(facts.view()), facts: Some(facts), ..Self::lake(action) }
    }

    /// For something with a key, of which nothing is known or need be.
    pub(crate) fn key(action: Action, facts: &'a BucketFacts, key: &'a ObjectKey) -> Self {
        let object = Some(ObjectView { key, version: None, facts: None, owner: None });
        Self { object, ..Self::bucket(action, facts) }
    }

    /// About a version that was found, or about none.
    pub(crate) fn of(self, sought: Sought<'a>, found: Option<&'a Version>) -> Self {
        let facts = found.and_then(|version| Some(VersionView { facts: version.object()?, created: version.modified }));
        Self { object: Some(ObjectView { key: sought.key, version: sought.name, facts, owner: None }), ..self }
    }

    /// With the tags that the request sets.
    pub(crate) fn with_tags(self, tags: &'a Tags) -> Self {
        Self { tags: Some(tags), ..self }
    }

    /// With what the request keeps the object from.
    pub(crate) fn with_protection(self, protection: &'a Protection) -> Self {
        Self { protection: Some(protection), ..self }
    }
}

/// Where an object is sought.
#[derive(Clone, Copy)]
pub(crate) struct Sought<'a> {
    /// The key.
    pub(crate) key: &'a ObjectKey,
    /// The version; none for the current one.
    pub(crate) name: Option<VersionName>,
    /// The change as of which it is sought; not together with `name`.
    pub(crate) as_of: Option<Sequence>,
}

impl<'a> Sought<'a> {
    /// The current object of a key, or one of its versions.
    pub(crate) fn now(key: &'a ObjectKey, name: Option<VersionName>) -> Self {
        Self { key, name, as_of: None }
    }
}

/// When, under which of the lake's own policies, and who judges.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// The judge, who keeps what it made of policies: what is only supposed has another, so that it takes no room from what
    /// is asked with every request.
    pub(crate) judge: &'a Judge,
    /// The policies: those of the policy sets that count, or of sets that are only supposed.
    pub(crate) lake: &'a [Arc<Source>],
    /// When.
    pub(crate) now: Timestamp,
}

/// Whether policies bind a caller.
fn is_bound(caller: &Caller) -> bool {
    matches!(caller.who(), Who::Anonymous | Who::Principal(_))
}

impl Engine {
    /// Asks for leave. The audit hears of it.
    pub(crate) fn ask(&self, caller: &Caller, ask: Ask<'_>) -> Result<Permit> {
        let answer = self.decide(caller, &ask);
        audit::note_answer(self.audit.settings.level, caller, &ask, &answer);
        answer
    }

    /// As [`Self::ask`], for what nobody asked for: whether something may be told beside an answer. The audit does not hear
    /// of it.
    pub(crate) fn may(&self, caller: &Caller, ask: Ask<'_>) -> bool {
        self.decide(caller, &ask).is_ok()
    }

    /// As [`Self::may`], with the permit, or why not.
    pub(crate) fn decide(&self, caller: &Caller, ask: &Ask<'_>) -> Result<Permit> {
        if let Some(facts) = ask.facts.filter(|_| is_bound(caller)) {
            facts.expect_payer(caller, ask.action)?;
        }
        let sets = self.policy_sets.snapshot();
        let lake = if is_bound(caller) { sets.sources()? } else { &[] };
        let moment = Moment { judge: &self.judge, lake, now: self.time.opening() };
        let decided =
            self.judged(caller, *ask, moment, |judge, question, policies| judge.decide(question, policies))?;
        Ok(decided.map_err(|refusal| self.told(caller, *ask, &sets, refusal))?)
    }

    /// A refusal with what the caller may know of it. Where policy sets alone forbid it, it may know which, and why; what
    /// other policies say is for their owners to know. Of an object only who may list the bucket is told anything, and
    /// when it opens by itself.
    fn told(&self, caller: &Caller, ask: Ask<'_>, sets: &Snapshot, refusal: Refusal) -> Refusal {
        let moment = || Some(Moment { judge: &self.judge, lake: sets.sources().ok()?, now: self.time.opening() });
        // Nobody asked for it, so it is no refusal of its own.
        let may_list = || {
            let (ask, moment) = (Ask::bucket(Action::ListBucket, ask.facts?), moment()?);
            let look =
                |judge: &Judge, question: &Question<'_>, policies: &Policies<'_>| judge.decide(question, policies);
            self.judged(caller, ask, moment, look).ok()?.ok()
        };
        let of_object = ask.object.is_some();
        let knows_of_object = of_object && may_list().is_some();
        let is_by_sets = !refusal.policies.is_empty() && refusal.policies.iter().all(|policy| sets.holds(policy));
        let is_told = is_by_sets && !caller.is_anonymous() && (knows_of_object || !of_object);
        let opens_at = || {
            let look =
                |judge: &Judge, question: &Question<'_>, policies: &Policies<'_>| judge.explain(question, policies);
            self.judged(caller, ask, moment()?, look).ok()?.changes_at
        };
        let is_there = ask.object.is_some_and(|object| object.facts.is_some());
        Refusal { is_told, opens_at: if knows_of_object && is_there { opens_at() } else { None }, ..refusal }
    }

    /// Has the judge look at a question and at the policies that can concern it.
    pub(crate) fn judged<T>(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        moment: Moment<'_>,
        look: impl FnOnce(&Judge, &Question<'_>, &Policies<'_>) -> T,
    ) -> Result<T> {
        let Ask { action, bucket, facts, object, identity, trust, tags, protection, keys } = ask;
        let (region, now) = (self.region.as_str(), moment.now);
        let question = Question { caller, action, bucket, object, identity, tags, protection, keys, region, now };
        if !is_bound(caller) {
            return Ok(look(moment.judge, &question, &Policies::default()));
        }
        let mut resource = match facts {
            Some(facts) => self.resource_policies(action, facts, object.and_then(|object| object.facts))?,
            None => Vec::new(),
        };
        resource.extend(trust.cloned());
        let of_caller = self.policies_of(caller)?;
        let CallerPolicies { identity, narrowing } = &*of_caller;
        let policies = Policies { lake: moment.lake, identity, resource: &resource, narrowing };
        Ok(look(moment.judge, &question, &policies))
    }

    /// What a bucket and an object in it say of who may.
    pub(crate) fn resource_policies(
        &self,
        action: Action,
        facts: &BucketFacts,
        object: Option<VersionView<'_>>,
    ) -> Result<Vec<Arc<Source>>> {
        self.bucket_policies.concerning(action, facts, object, &|id| self.account_of_canonical_id(id))
    }

    /// Asks for leave to do something with the lake as a whole.
    pub(crate) fn permit_lake(&self, caller: &Caller, action: Action) -> Result<Permit> {
        self.ask(caller, Ask::lake(action))
    }

    /// Asks for leave to do something with a bucket, or with a key in it of which nothing is known or need be.
    pub(crate) fn permit(
        &self,
        caller: &Caller,
        action: Action,
        bucket: &BucketFacts,
        key: Option<&ObjectKey>,
    ) -> Result<Permit> {
        let ask = key.map_or_else(|| Ask::bucket(action, bucket), |key| Ask::key(action, bucket, key));
        self.ask(caller, ask)
    }

    /// Finds an object and asks for leave to do something with it.
    ///
    /// # Errors
    /// `Denied` where the caller may not, or where there is none and the caller may not list the bucket either; then
    /// `NotFound`, `Invalid` (marker), `Removed`.
    pub(crate) async fn permit_found(
        &self,
        caller: &Caller,
        action: Action,
        bucket: &BucketFacts,
        sought: Sought<'_>,
    ) -> Result<(Permit, Version)> {
        self.permit_found_for(caller, Ask::bucket(action, bucket), bucket, sought).await
    }

    /// As [`Self::permit_found`], for a request that sets something.
    ///
    /// # Errors
    /// As [`Self::permit_found`].
    pub(crate) async fn permit_found_for(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        bucket: &BucketFacts,
        sought: Sought<'_>,
    ) -> Result<(Permit, Version)> {
        let found = self.find(bucket, sought).await;
        if let Ok(version) = &found
            && matches!(ask.action.group(), Group::Read | Group::Raw)
            && self.is_closed_to(caller, bucket, version)
        {
            return Err(self.closed(caller, ask, bucket, (sought, version)));
        }
        match found {
            Ok(version) => Ok((self.permit_with_facts(caller, ask, sought, Some(&version))?, version)),
            Err(absent @ (Error::NotFound(_) | Error::Invalid(Fault::Marker { .. }) | Error::Removed { .. })) => {
                Err(self.told_absent(caller, ask, bucket, (sought, absent)))
            }
            Err(error) => Err(error),
        }
    }

    /// What a caller is told where nothing stands: the refusal of what is forbidden whether something stands there or not,
    /// that of who may not list, else that there is nothing.
    pub(crate) fn told_absent(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        bucket: &BucketFacts,
        (sought, absent): (Sought<'_>, Error),
    ) -> Error {
        // Of what is not there, nothing says who may: only what is forbidden stays so.
        match self.permit_with_facts(caller, ask, sought, None) {
            Err(Error::Denied(refusal)) if refusal.policies.is_empty() => {}
            Err(error) => return error,
            Ok(_) => {}
        }
        self.permit_list(caller, bucket, sought.key).err().unwrap_or(absent)
    }

    /// Asks for leave to know that there is no object of a key: who may know it could list with the key as prefix.
    fn permit_list(&self, caller: &Caller, bucket: &BucketFacts, key: &ObjectKey) -> Result<Permit> {
        let mut origin = caller.origin().clone();
        origin.keys.insert("s3:prefix", key.as_str().to_owned());
        let caller = Caller::new(caller.who().clone(), Arc::new(origin));
        self.permit(&caller, Action::ListBucket, bucket, None)
    }

    /// Asks for leave to do something with an object whether there is one or not.
    pub(crate) async fn permit_whether_found(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        bucket: &BucketFacts,
        sought: Sought<'_>,
    ) -> Result<Permit> {
        let found = match is_bound(caller) {
            true => self.catalog.version(bucket.id, sought.key, sought.name).await?,
            false => None,
        };
        self.permit_with_facts(caller, ask, sought, found.as_ref())
    }

    pub(crate) fn permit_with_facts(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        sought: Sought<'_>,
        found: Option<&Version>,
    ) -> Result<Permit> {
        self.ask(caller, ask.of(sought, found))
    }

    /// The object under a key, or under one of its versions, or that was there once. What it returns is shown to nobody
    /// without a permit.
    async fn find(&self, bucket: &BucketFacts, sought: Sought<'_>) -> Result<Version> {
        let Sought { key, name, as_of } = sought;
        if let Some(at) = as_of {
            return self.find_as_of(bucket, key, at).await;
        }
        let found = self.catalog.version(bucket.id, key, name).await?;
        match (found, name) {
            (Some(version), Some(name)) if version.object().is_none() => {
                Err(Error::Invalid(Fault::Marker { version: name, modified: version.modified }))
            }
            (Some(version), None) if version.object().is_none() => {
                Err(Error::NotFound(Missing::Key { marker: Some(version.name()) }))
            }
            (Some(version), _) => Ok(version),
            (None, Some(_)) => Err(Error::NotFound(Missing::Version)),
            (None, None) => Err(Error::NotFound(Missing::Key { marker: None })),
        }
    }
}
