//! The honest workloads, persons and programs, as one table: what each does, when, and how its
//! account looks. The same table is what a careful distiller hides behind.

/// How an account looks in source, plan and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A person with a chat client.
    Person,
    /// A programmer with a library or an editor.
    Developer,
    /// A program that acts with tools.
    Agent,
    /// A batch: evaluations, labels, judges, indexes.
    Batch,
    /// A product that serves its own users.
    Product,
    /// Pupils and students.
    School,
}

/// When an account is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// A person's waking hours, mostly free time.
    Evenings,
    /// A person's waking hours, mostly at work.
    Office,
    /// As a real client of a model service.
    Client,
    /// One hour of the night.
    Nightly,
    /// All night.
    Overnight,
    /// Round the clock.
    Flat,
    /// From the release of a model on.
    Release,
    /// One evening and the class before it.
    Lesson,
}

/// What the requests hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Dialogues and single prompts; a person who sometimes pastes an answer back.
    Chat,
    /// Code questions with follow-ups and pasted answers.
    Code,
    /// Loops of tool calls.
    Tools,
    /// Checkable problems under one system text.
    Evaluate,
    /// Passages into an embedding index, with summaries.
    Index,
    /// Translations, some checked against their source.
    Translate,
    /// Ready requests of a labelling job.
    Label,
    /// Labels with log-probabilities.
    Classify,
    /// A support desk's dialogues.
    Support,
    /// Dialogues of many users behind one key.
    Tenants,
    /// One assignment, asked by each pupil.
    Assignment,
    /// The same benchmark items as everybody.
    Benchmark,
    /// Answers of the own product, graded.
    Judge,
    /// Reasons for an auditor.
    Audit,
    /// Data for an own model, under a grant.
    Sanctioned,
}

/// A row of the table.
#[derive(Debug)]
pub struct Workload {
    /// Name in worlds and in `truth.jsonl`.
    pub name: &'static str,
    /// How its account looks.
    pub class: Class,
    /// When it is active.
    pub beat: Beat,
    /// What it asks.
    pub content: Content,
    /// Accounts that belong together: one organisation, school or office; 1 where they don't.
    pub group: (u64, u64),
    /// What it says it does.
    pub declares: Option<&'static str>,
    /// How its volume stands to the world's median.
    pub volume: f64,
    /// Requests of one batch; 0 where the content itself ends a unit.
    pub batch: u32,
}

#[expect(clippy::too_many_arguments, reason = "the columns of a table")]
const fn row(
    name: &'static str,
    class: Class,
    beat: Beat,
    content: Content,
    group: (u64, u64),
    declares: Option<&'static str>,
    volume: f64,
    batch: u32,
) -> Workload {
    Workload {
        name,
        class,
        beat,
        content,
        group,
        declares,
        volume,
        batch,
    }
}

/// All honest workloads.
#[rustfmt::skip]
pub static WORKLOADS: [Workload; 22] = [
    row("chat", Class::Person, Beat::Evenings, Content::Chat, (1, 1), None, 0.6, 0),
    row("developer", Class::Developer, Beat::Office, Content::Code, (1, 1), None, 1.0, 0),
    row("agent", Class::Agent, Beat::Office, Content::Tools, (1, 1), None, 1.3, 0),
    row("team", Class::Developer, Beat::Office, Content::Code, (3, 8), None, 1.0, 0),
    row("nightly-eval", Class::Batch, Beat::Nightly, Content::Evaluate, (1, 1), Some("evaluation"), 1.8, 40),
    row("ci-agent", Class::Agent, Beat::Flat, Content::Tools, (1, 2), None, 1.6, 0),
    row("rag-backfill", Class::Batch, Beat::Flat, Content::Index, (1, 1), None, 2.2, 60),
    row("translation-batch", Class::Batch, Beat::Client, Content::Translate, (1, 1), None, 1.5, 25),
    row("labelling", Class::Batch, Beat::Client, Content::Label, (1, 2), None, 1.8, 40),
    row("classifier", Class::Product, Beat::Client, Content::Classify, (1, 1), None, 1.8, 8),
    row("support-bot", Class::Product, Beat::Client, Content::Support, (1, 1), None, 1.4, 0),
    row("saas", Class::Product, Beat::Client, Content::Tenants, (1, 1), None, 1.8, 0),
    row("aggregator-declared", Class::Product, Beat::Client, Content::Tenants, (1, 3), Some("aggregator"), 2.2, 0),
    row("aggregator-undeclared", Class::Product, Beat::Client, Content::Tenants, (1, 3), None, 2.2, 0),
    row("classroom", Class::School, Beat::Lesson, Content::Assignment, (15, 30), Some("classroom"), 0.25, 0),
    row("benchmarker", Class::Batch, Beat::Release, Content::Benchmark, (1, 1), Some("evaluation"), 1.8, 60),
    row("judge-product", Class::Batch, Beat::Client, Content::Judge, (1, 1), None, 1.5, 12),
    row("audit-trail", Class::Product, Beat::Office, Content::Audit, (1, 2), None, 1.0, 3),
    row("synthetic-granted", Class::Batch, Beat::Flat, Content::Sanctioned, (1, 1), Some("distillation-grant"), 2.0, 25),
    row("corporate-vpn", Class::Developer, Beat::Office, Content::Chat, (10, 30), None, 0.6, 0),
    row("overnight-agent", Class::Agent, Beat::Overnight, Content::Tools, (1, 1), None, 1.8, 0),
    row("tutor-app", Class::Product, Beat::Evenings, Content::Audit, (1, 1), Some("education"), 1.4, 4),
];

/// The workload of a name.
pub(crate) fn named(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|row| row.name == name)
}
