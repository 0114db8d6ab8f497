//! The asking. For each kind of request (who, what, on what) the policies and the theorem are compiled into terms, and the
//! solver looks for a request that the one allows and the other does not.
//!
//! Where the evaluation of a policy fails, Cedar skips the policy and the lake refuses. What is proved here of Cedar's
//! answers so holds of the lake's all the more. A counterexample is evaluated before it is believed: one that rests on a
//! failure is none.

use cedar_policy::{Authorizer, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::err::Error as SymbolicError;
use cedar_policy_symcc::solver::{LocalSolver, SolverError};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicySet, Env};
use serde::Serialize;

use crate::counterexample::Counterexample;
use crate::input::PolicyText;
use crate::theorem::{ASSUMPTIONS, ATOMS_ARE_FREE, Property};

/// Why the solver could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProofError {
    #[error("there is no solver: install cvc5 (Debian: apt-get install cvc5), or name the program in CVC5")]
    NoSolver(#[source] Box<SolverError>),
    #[error("the solver cannot be used")]
    Solver(#[source] Box<SymbolicError>),
    #[error("the vocabulary of policies cannot be used: {0}")]
    Vocabulary(String),
    #[error("the solver cannot be waited for")]
    Runtime(#[source] std::io::Error),
}

/// What became of a theorem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Proved,
    Undecided,
    Refuted,
}

/// What was found out about a theorem.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) property: Property,
    pub(crate) verdict: Verdict,
    /// Kinds of request it was looked at for.
    pub(crate) kinds: usize,
    /// A request that should not be allowed.
    pub(crate) counterexample: Option<Counterexample>,
    /// Why it is undecided.
    pub(crate) doubt: Option<String>,
}

/// What was found out.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    pub(crate) assumptions: Vec<&'static str>,
}

impl Report {
    /// The worst verdict.
    pub(crate) fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Proved)
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> String {
        let findings = self.findings.iter().map(|finding| {
            serde_json::json!({
                "property": finding.property.name(),
                "statement": finding.property.statement(),
                "verdict": finding.verdict,
                "requestKinds": finding.kinds,
                "counterexample": finding.counterexample,
                "doubt": finding.doubt,
            })
        });
        let report = serde_json::json!({
            "verdict": self.verdict(),
            "findings": findings.collect::<Vec<_>>(),
            "assumptions": self.assumptions,
        });
        format!("{report:#}\n")
    }
}

/// Looks at each theorem. Wants a stack that is deep enough for the terms.
pub(crate) fn prove(
    new: &PolicyText,
    old: Option<&PolicyText>,
    properties: &[Property],
    timeout_seconds: u32,
) -> Result<Report, ProofError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ProofError::Runtime)?;
    runtime.block_on(async {
        let mut prover = Prover::start(new, timeout_seconds)?;
        let mut findings = Vec::new();
        for property in properties {
            findings.push(prover.look_at(*property, old).await?);
        }
        let mut assumptions: Vec<&'static str> = ASSUMPTIONS.iter().map(|(words, _)| *words).collect();
        if new.text.contains("atoms") || old.is_some_and(|old| old.text.contains("atoms")) {
            assumptions.push(ATOMS_ARE_FREE);
        }
        Ok(Report { findings, assumptions })
    })
}

struct Prover<'a> {
    new: &'a PolicyText,
    schema: Schema,
    assumptions: PolicySet,
    timeout_milliseconds: u64,
    compiler: CedarSymCompiler<LocalSolver>,
}

impl<'a> Prover<'a> {
    fn start(new: &'a PolicyText, timeout_seconds: u32) -> Result<Self, ProofError> {
        let (schema, _) = Schema::from_cedarschema_str(&policy::schema_text())
            .map_err(|error| ProofError::Vocabulary(error.to_string()))?;
        let text: String = ASSUMPTIONS.iter().map(|(_, text)| *text).collect();
        let timeout_milliseconds = u64::from(timeout_seconds) * 1000;
        let compiler = solver(timeout_milliseconds)?;
        Ok(Self { new, schema, assumptions: parsed(&text)?, timeout_milliseconds, compiler })
    }

    async fn look_at(&mut self, property: Property, old: Option<&PolicyText>) -> Result<Finding, ProofError> {
        let claim = match (property.claim(), old) {
            (Some(claim), _) => parsed(claim)?,
            (None, Some(old)) => old.policies.clone(),
            (None, None) => PolicySet::new(),
        };
        // Both sides, so that where nothing was changed nothing is left to prove.
        let (asked, claim) = (self.assuming(&self.new.policies)?, self.assuming(&claim)?);
        let kinds: Vec<RequestEnv> =
            self.schema.request_envs().filter(|kind| property.concerns(&self.schema, kind)).collect();
        let mut finding =
            Finding { property, verdict: Verdict::Proved, kinds: kinds.len(), counterexample: None, doubt: None };
        for kind in &kinds {
            match self.exception(kind, &asked, &claim).await {
                Ok(None) => {}
                Ok(Some(found)) => match self.believe(&found, property, old) {
                    Ok(counterexample) => {
                        finding.verdict = Verdict::Refuted;
                        finding.counterexample = Some(counterexample);
                        break;
                    }
                    Err(doubt) => finding.doubted(doubt),
                },
                Err(error) => self.doubt(&mut finding, kind, error)?,
            }
        }
        Ok(finding)
    }

    /// Notes that the solver gave no answer, where that is all that happened.
    fn doubt(&mut self, finding: &mut Finding, kind: &RequestEnv, error: Box<SymbolicError>) -> Result<(), ProofError> {
        match *error {
            SymbolicError::SolverUnknown => finding.doubted(format!("no answer in time for {}", named(kind))),
            SymbolicError::SolverError(error) => {
                finding.doubted(format!("no answer for {}: {error}", named(kind)));
                self.compiler = solver(self.timeout_milliseconds)?;
            }
            error @ (SymbolicError::ModelInvalid { .. } | SymbolicError::ConcretizeError(_)) => {
                finding.doubted(format!("the solver's example for {} cannot be read: {error}", named(kind)));
            }
            error => return Err(ProofError::Solver(Box::new(error))),
        }
        Ok(())
    }

    /// A request of this kind that `asked` allows and `claim` does not.
    async fn exception(
        &mut self,
        kind: &RequestEnv,
        asked: &PolicySet,
        claim: &PolicySet,
    ) -> Result<Option<Env>, Box<SymbolicError>> {
        let asked = CompiledPolicySet::compile(asked, kind, &self.schema)?;
        let claim = CompiledPolicySet::compile(claim, kind, &self.schema)?;
        Ok(self.compiler.check_implies_with_counterexample_opt(&asked, &claim).await?)
    }

    /// Asks Cedar itself about a request that the solver made.
    fn believe(&self, found: &Env, property: Property, old: Option<&PolicyText>) -> Result<Counterexample, String> {
        let response = Authorizer::new().is_authorized(&found.request, &self.new.policies, &found.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(format!(
                "all that was found rests on an evaluation that fails, which the lake refuses: {error}"
            ));
        }
        let permits = response.diagnostics().reason().map(ToString::to_string).collect();
        let claim = property.claim().or(old.map(|old| old.text.as_str())).unwrap_or_default();
        Ok(Counterexample::of(found, permits, &format!("{}{claim}", self.new.text)))
    }

    fn assuming(&self, policies: &PolicySet) -> Result<PolicySet, ProofError> {
        let mut both = policies.clone();
        for assumption in self.assumptions.policies() {
            both.add(assumption.clone()).map_err(|error| ProofError::Vocabulary(error.to_string()))?;
        }
        Ok(both)
    }
}

impl Finding {
    fn doubted(&mut self, doubt: String) {
        self.verdict = self.verdict.max(Verdict::Undecided);
        self.doubt.get_or_insert(doubt);
    }
}

fn named(kind: &RequestEnv) -> String {
    format!("{} {} {}", kind.principal(), kind.action().id().unescaped(), kind.resource())
}

fn solver(timeout_milliseconds: u64) -> Result<CedarSymCompiler<LocalSolver>, ProofError> {
    let solver = LocalSolver::cvc5_with_args([format!("--tlimit-per={timeout_milliseconds}")]);
    let solver = solver.map_err(|error| ProofError::NoSolver(Box::new(error)))?;
    CedarSymCompiler::new(solver).map_err(|error| ProofError::Solver(Box::new(error)))
}

/// Policies of our own, under the names they give themselves.
fn parsed(text: &str) -> Result<PolicySet, ProofError> {
    let set: PolicySet =
        text.parse().map_err(|error: cedar_policy::ParseErrors| ProofError::Vocabulary(error.to_string()))?;
    let named = set.policies().map(|policy| {
        let id = policy.annotation("id").unwrap_or("claim");
        policy.new_id(cedar_policy::PolicyId::new(id))
    });
    PolicySet::from_policies(named).map_err(|error| ProofError::Vocabulary(error.to_string()))
}
