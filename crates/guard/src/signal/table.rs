//! Every signal. Places are those of `profile::{ASKED, SIZED, NAMED_MORE, WAYS}` and of the digest's
//! phrase families. Topics are left out on purpose: what one is interested in is no evidence.

use super::read::{bins, spread};
use super::{Family, Signal, Unit};
use crate::digest::{FAMILIES_COUNT, Family as Phrase};

macro_rules! signals {
    ($($name:literal $family:ident $unit:ident $title:literal |$view:ident| $read:expr;)*) => {
        /// Every signal, in the order of cards.
        pub static SIGNALS: [Signal; { [$($name),*].len() }] = [$(Signal {
            name: $name,
            family: Family::$family,
            title: $title,
            unit: Unit::$unit,
            read: |$view| $read,
        }),*];
    };
}

signals! {
    // A2, A3: when.
    "A2.hours_of_day" Timing Number "active in many hours of the day" |v| spread(&v.day_hours());
    "A2.active_hours" Timing Share "active in a large part of its hours" |v| v.profile.hours.count() as f32 / (v.days * 24.0 + 1.0);
    "A3.rate" Timing Number "many exchanges a day" |v| (v.total + 1.0) / (v.days + 0.5);
    "A3.seconds" Timing Number "few exchanges in one second" |v| v.ratio(v.profile.clocks[0].estimate());
    "A3.tens" Timing Number "few exchanges in ten seconds" |v| v.ratio(v.profile.clocks[1].estimate());
    "A3.minutes" Timing Number "few exchanges in a minute" |v| v.ratio(v.profile.clocks[2].estimate());
    "A3.ten_minutes" Timing Number "few exchanges in ten minutes" |v| v.ratio(v.profile.clocks[3].estimate());
    "A3.overlap" Timing Share "asks before the answer before is there" |v| v.ways(19);
    "A3.at_once" Timing Share "asks within two seconds" |v| v.ways(20);
    "A3.soon" Timing Share "asks within twenty seconds" |v| v.ways(21);
    "A3.later" Timing Share "asks within five minutes" |v| v.ways(22);
    "A3.pauses" Timing Share "asks after more than five minutes" |v| v.ways(23);
    // A4: how a conversation goes.
    "A4.goes_on" Course Share "goes on from our answers" |v| v.ways(0);
    "A4.foreign_history" Course Share "brings conversations that we did not have" |v| v.ways(1);
    "A4.alone" Course Share "asks without a conversation" |v| v.ways(2);
    "A4.conversations" Course Number "many conversations for its exchanges" |v| v.ratio(v.profile.openings.estimate());
    "A4.one_message" Course Share "requests of one message" |v| v.sized(37);
    "A4.two_messages" Course Share "requests of two messages" |v| v.sized(38);
    // A5: parameters.
    "A5.several" Parameters Share "asks for several answers at once" |v| v.asked(0);
    "A5.logprobs" Parameters Share "asks for log-probabilities" |v| v.asked(2);
    "A5.alternatives" Parameters Share "asks for five alternatives a token or more" |v| v.asked(3);
    "A5.bias" Parameters Share "biases tokens" |v| v.asked(5);
    "A5.seed" Parameters Share "pins a seed" |v| v.asked(6);
    "A5.json" Parameters Share "asks for JSON" |v| v.asked(10);
    "A5.schema" Parameters Share "asks for a schema" |v| v.asked(11);
    "A5.tools" Parameters Share "offers tools" |v| v.asked(12);
    "A5.batch" Parameters Share "many prompts in a request" |v| v.asked(13);
    "A5.no_limit" Parameters Share "sets no limit of tokens" |v| v.asked(24);
    "A5.embeddings" Parameters Share "asks for embeddings" |v| v.asked(37);
    "A5.full" Parameters Share "answers as long as allowed" |v| v.asked(40);
    "A5.calls" Parameters Share "answers that call tools" |v| v.asked(41);
    "A5.anew" Parameters Share "log-probabilities or several answers to ever new questions" |v| v.ways(18);
    // A7: volume.
    "A7.output_to_input" Volume Number "more tokens answered than asked" |v| (v.profile.output.0 as f32 + 10.0) / (v.profile.input.0 as f32 + 10.0);
    "A7.bytes_answered" Volume Number "long answers" |v| v.mean(v.profile.answered_bytes.0);
    "A7.bytes_asked" Volume Number "long questions" |v| v.mean(v.profile.asked_bytes.0);
    "A7.harvested" Volume Number "many tokens answered in all" |v| v.profile.output.0 as f32;
    "A7.far_longer" Volume Share "answers far longer than the question" |v| v.ways(10);
    "A7.distinct_answers" Volume Number "ever other answers" |v| v.ratio(v.profile.answers.estimate());
    // B1 to B3, B10: structure.
    "B1.template" Structure Number "one template for much of its traffic" |v| v.template();
    "B1.templates" Structure Number "many templates for its exchanges" |v| v.ratio(v.profile.heads.estimate());
    "B1.template_count" Structure Number "many templates" |v| v.profile.heads.estimate() as f32;
    "B1.of_many" Structure Share "templates that many accounts use" |v| v.ways(4);
    "B1.new_long" Structure Number "one template, ever new single questions, long answers" |v| v.ways(8) * v.template();
    "B1.systems" Structure Number "many system texts for its exchanges" |v| v.ratio(v.profile.systems.estimate());
    "B1.system_count" Structure Number "many system texts" |v| v.profile.systems.estimate() as f32;
    "B1.toolsets" Structure Number "many sets of tools for its exchanges" |v| v.ratio(v.profile.toolsets.estimate());
    "B1.toolset_count" Structure Number "many sets of tools" |v| v.profile.toolsets.estimate() as f32;
    "B2.new" Structure Number "hardly a question twice" |v| v.ratio(v.prompts as u64);
    "B2.asked_by_others" Structure Share "asks what others asked too" |v| v.ways(3);
    "B2.again" Structure Share "asks the same again" |v| v.ways(5);
    "B2.nearly" Structure Share "asks nearly the same again" |v| v.ways(6);
    "B2.half" Structure Share "the same frame or question with another filling" |v| v.ways(7);
    "B2.near" Structure Number "pairs of questions that are nearly the same" |v| v.profile.near_duplicates().map_or(0.0, |near| near as f32 / 1000.0);
    "B2.new_long_alone" Structure Share "new single questions with long answers" |v| v.ways(8);
    "B2.new_short_alone" Structure Share "new single questions with short answers" |v| v.ways(9);
    "B2.new_alone" Structure Number "single questions that nobody asked before" |v| v.ways(2) * (1.0 - v.ways(3) - v.ways(5)).max(0.0);
    "B3.coverage" Structure Number "wide coverage of meaning for its exchanges" |v| v.ratio(v.coverage as u64);
    "B3.cells" Structure Number "wide coverage of meaning" |v| v.coverage;
    "B3.evenness" Structure Number "even coverage of meaning" |v| bins(&v.profile.cells);
    "B3.gathered" Structure Number "all questions about one thing" |v| v.gathered();
    "B10.embedding_coverage" Structure Number "embeddings of all kinds of text" |v| v.asked(37) * v.coverage / 1024.0;
    // B4 to B8: phrases.
    "B4.any" Phrases Share "draws out reasoning" |v| v.any(Phrase::Verbatim as usize..Phrase::Rubric as usize);
    "B4.steps" Phrases Share "asks for steps of thought" |v| v.named(Phrase::Steps as usize);
    "B4.verbatim" Phrases Share "asks for the whole reasoning, word for word" |v| v.named(Phrase::Verbatim as usize);
    "B4.reverse" Phrases Share "asks for the reasoning behind given answers" |v| v.named(Phrase::Reverse as usize);
    "B4.memory" Phrases Share "asks to repeat or translate what is in memory" |v| v.named(Phrase::Memory as usize);
    "B4.debug" Phrases Share "pretends to debug" |v| v.named(Phrase::Debug as usize);
    "B4.system_prompt" Phrases Share "speaks of the system prompt" |v| v.named(Phrase::SystemPrompt as usize);
    "B4.think_tags" Phrases Share "locks thinking into marks" |v| v.named(Phrase::ThinkTags as usize);
    "B4.think_language" Phrases Share "sets the language of thinking" |v| v.named(Phrase::ThinkLanguage as usize);
    "B4.thinking" Phrases Share "answers that show thinking" |v| v.named(FAMILIES_COUNT + 1);
    "B5.any" Phrases Share "grades" |v| v.any(Phrase::Rubric as usize..Phrase::NewTasks as usize);
    "B5.rubric" Phrases Share "grades by a rubric" |v| v.named(Phrase::Rubric as usize);
    "B5.score" Phrases Share "asks for a mark" |v| v.named(Phrase::Score as usize);
    "B5.pairwise" Phrases Share "asks which is better" |v| v.named(Phrase::Pairwise as usize);
    "B5.critique" Phrases Share "asks for a critique" |v| v.named(Phrase::Critique as usize);
    "B5.candidates" Phrases Share "brings candidate answers" |v| v.named(Phrase::Candidates as usize);
    "B5.reference" Phrases Share "brings a reference answer" |v| v.named(Phrase::Reference as usize);
    "B5.grading" Phrases Share "grades given candidates" |v| v.named(FAMILIES_COUNT + 3);
    "B5.foreign" Phrases Share "grades what we did not answer" |v| v.ways(16);
    "B6.any" Phrases Share "makes training data" |v| v.any(Phrase::NewTasks as usize..Phrase::Identity as usize);
    "B6.new_tasks" Phrases Share "asks for new tasks" |v| v.named(Phrase::NewTasks as usize);
    "B6.evolve" Phrases Share "makes instructions harder" |v| v.named(Phrase::Evolve as usize);
    "B6.self_chat" Phrases Share "asks for both sides of a conversation" |v| v.named(Phrase::SelfChat as usize);
    "B6.both_sides" Phrases Share "gets both sides of a conversation" |v| v.named(FAMILIES_COUNT + 2);
    "B6.tool_play" Phrases Share "asks to play a tool" |v| v.named(Phrase::ToolPlay as usize);
    "B6.clean" Phrases Share "has given reasoning cleaned" |v| v.named(Phrase::Clean as usize);
    "B6.training" Phrases Share "speaks of training" |v| v.named(Phrase::Training as usize);
    "B6.three" Phrases Share "phrases of three harvesting families at once" |v| v.named(FAMILIES_COUNT + 4);
    "B7.no_refusal" Phrases Share "forbids refusing" |v| v.named(Phrase::NoRefusal as usize);
    "B7.refused" Phrases Share "is refused by the model" |v| v.named(FAMILIES_COUNT);
    "B8.identity" Phrases Share "asks the model to be another" |v| v.named(Phrase::Identity as usize);
    "B6.final_form" Phrases Share "pins the form of the final answer" |v| v.named(Phrase::FinalForm as usize);
    "B6.examples" Phrases Share "gives examples first" |v| v.named(Phrase::Examples as usize);
    "B6.choices" Phrases Share "gives choices" |v| v.named(Phrase::Choices as usize);
    // B9, C4: echo.
    "B9.own" Echo Share "brings our answers into new conversations" |v| v.share(v.profile.echoes.0[0]);
    "B9.other" Echo Share "brings answers that another account got" |v| v.share(v.profile.echoes.0[1]);
    "B9.graded" Echo Share "grades our answers" |v| v.share(v.profile.echoes.0[2]);
    "B9.own_count" Echo Number "own answers brought back" |v| v.profile.echoes.0[0] as f32;
    "B9.other_count" Echo Number "others' answers brought" |v| v.profile.echoes.0[1] as f32;
    "B9.own_much" Echo Share "brings most of an own answer" |v| v.ways(13);
    "B9.other_much" Echo Share "brings most of another's answer" |v| v.ways(14);
    "B9.several" Echo Share "brings answers of several accounts" |v| v.ways(15);
    "B9.past" Echo Share "puts our answers into made-up conversations" |v| v.ways(11);
    "B9.graded_alike" Echo Share "grades what is like our answers" |v| v.ways(17);
    "B9.common" Echo Share "carries text that is everybody's" |v| v.ways(12);
    // C1: across accounts.
    "C1.hand_off" Across Share "goes on with conversations that another account began" |v| v.share(v.profile.echoes.0[3]);
    "C1.count" Across Number "conversations taken over" |v| v.profile.echoes.0[3] as f32;
    // A8, S1, A3 retries.
    "A8.agents" Source Number "many user agents" |v| v.ratio(v.profile.agents.estimate());
    "S1.addresses" Source Number "many addresses" |v| v.ratio(v.profile.addresses.estimate());
    "S1.ranges" Source Number "many networks" |v| v.ratio(v.profile.ranges.estimate());
    "S2.clients" Source Number "many kinds of client" |v| v.ratio(v.profile.clients.estimate());
    "A3.throttled" Source Share "runs into its limits" |v| v.share(v.profile.answered.0[1]);
    // A1, A6: how it began, what it pays for, how soon it follows a release.
    "A1.plan" Volume Number "much use for its plan" |v| v.for_plan();
    "A1.first_day" Volume Share "much of its use on its first day" |v| v.first_days(1);
    "A1.first_days" Volume Share "much of its use within its first three days" |v| v.first_days(3);
    "A2.longest_idle" Timing Number "hours of its longest pause" |v| v.profile.hours.longest_idle() as f32;
    "A6.lag" Timing Number "hours until it used the newest model" |v| v.lag();
    "A1.age" Source Number "days since the account was opened" |v| v.about.created.map_or(365.0, |created| {
        let opened = (created.micros() / 3_600_000_000) as u32;
        v.profile.oldest.0.saturating_sub(opened) as f32 / 24.0
    });
}
