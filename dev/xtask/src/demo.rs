//! `demo-data`: the sentences of the distilling demonstration, `bench/distill/*.jsonl`. Training and
//! hold-out share neither a sentence pattern, nor a name, city or job; ages are drawn alike. The
//! same seed gives the same bytes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// What one side of the data is made of.
struct Side {
    file: &'static str,
    prefix: &'static str,
    rows: usize,
    seed: u64,
    /// Training rows carry no answer: the student learns from the teacher alone.
    answers: bool,
    patterns: &'static [&'static str],
    first: &'static [&'static str],
    last: &'static [&'static str],
    cities: &'static [&'static str],
    jobs: &'static [&'static str],
}

/// `{a}` is the job with its article; `{A}` the same at the start of a sentence.
const TRAIN: Side = Side {
    file: "train.jsonl",
    prefix: "t",
    rows: 1000,
    seed: 7,
    answers: false,
    patterns: &[
        "{name} is {age} years old, lives in {city} and works as {a}.",
        "Meet {name}, {a} from {city} who is {age}.",
        "At {age}, {name} is {a} in {city}.",
        "{name}, {age}, is {a} based in {city}.",
        "{name} has worked as {a} in {city} for years and is now {age}.",
        "In {city} there is {a} called {name}, who is {age}.",
        "My neighbour {name} is {a}; born in {city}, now {age} years old.",
        "{name} moved to {city}, found a job as {a} and just turned {age}.",
        "The {job} {name} is {age} and comes from {city}.",
        "{age}-year-old {name} lives in {city}, working as {a}.",
        "Everyone in {city} knows {name}, the {age}-year-old {job}.",
        "{name} ({age}) is {a} from {city}.",
        "Our new colleague {name} is {a}, {age} years old, and lives in {city}.",
        "{A} by trade, {name} is {age} and calls {city} home.",
        "Last week I met {name} in {city}, {a} of {age}.",
        "{name} grew up in {city}, became {a}, and is {age} today.",
        "{city} is where {name}, {age}, earns a living as {a}.",
        "This is {name}. Age {age}. Works as {a} in {city}.",
        "When {name} turned {age}, the {job} left for {city}.",
        "My cousin {name} from {city} is {age} and is training to be {a}.",
        "{name} told me: I am {age}, I live in {city} and I am {a}.",
        "Born {age} years ago in {city}, {name} is {a}.",
        "They hired {name}, {a} aged {age}, in {city}.",
        "Although only {age}, {name} is the best {job} in {city}.",
    ],
    first: &[
        "Anna", "Bruno", "Clara", "Daniel", "Elena", "Felix", "Greta", "Hugo", "Ines", "Jonas",
        "Karin", "Leo", "Maria", "Nils", "Olga", "Paul", "Rosa", "Samuel", "Tara", "Victor",
        "Wendy", "Xavier", "Yusuf", "Zoe", "Amir", "Beth", "Carlos", "Diana", "Emil", "Fatima",
        "George", "Helen", "Ivan", "Julia", "Kenji", "Laura", "Martin", "Nadia", "Oscar", "Priya",
        "Ravi", "Sofia", "Thomas", "Vera", "William", "Yara", "Arthur", "Chloe", "David", "Esther",
    ],
    last: &[
        "Adams", "Berg", "Costa", "Dalton", "Evans", "Fischer", "Garcia", "Holm", "Ivanov",
        "Jensen", "Keller", "Lopez", "Moreau", "Novak", "Okafor", "Parker", "Quinn", "Rossi",
        "Silva", "Turner", "Vogel", "Walker", "Young", "Zeller", "Baker", "Carter", "Diaz",
        "Foster", "Gupta", "Hansen", "Johnson", "Khan", "Larsen", "Miller", "Nguyen", "Olsen",
        "Petrov", "Reed", "Schmidt", "Tanaka", "Weber", "Wright", "Brown", "Clark", "Davis",
        "Green", "Hall", "Marsh", "Scott", "Stone",
    ],
    cities: &[
        "Paris", "Berlin", "Madrid", "Rome", "Vienna", "Lisbon", "Dublin", "Oslo", "Prague",
        "Athens", "Boston", "Chicago", "Denver", "Seattle", "Toronto", "Montreal", "Lima",
        "Bogota", "Cairo", "Nairobi", "Lagos", "Accra", "Mumbai", "Delhi", "Tokyo", "Osaka",
        "Seoul", "Bangkok", "Sydney", "Perth", "Hamburg", "Munich", "Lyon", "Naples", "Turin",
        "Porto", "Leeds", "Glasgow", "Bristol", "Geneva", "Zurich", "Antwerp", "Krakow", "Riga",
        "Tampa", "Dallas", "Phoenix", "Quito", "Havana", "Manila",
    ],
    jobs: &[
        "teacher",
        "nurse",
        "baker",
        "carpenter",
        "lawyer",
        "farmer",
        "pilot",
        "painter",
        "plumber",
        "journalist",
        "chef",
        "dentist",
        "engineer",
        "librarian",
        "musician",
        "electrician",
        "photographer",
        "mechanic",
        "accountant",
        "tailor",
        "surgeon",
        "waiter",
        "gardener",
        "translator",
        "butcher",
        "architect",
        "barber",
        "cashier",
        "economist",
        "firefighter",
        "geologist",
        "historian",
        "jeweller",
        "locksmith",
        "optician",
        "pharmacist",
        "receptionist",
        "sailor",
        "tour guide",
        "bus driver",
        "software developer",
        "police officer",
        "flight attendant",
        "social worker",
        "truck driver",
    ],
};

const HOLDOUT: Side = Side {
    file: "holdout.jsonl",
    prefix: "h",
    rows: 200,
    seed: 11,
    answers: true,
    patterns: &[
        "The city of {city} named {name}, {age}, its favourite {job}.",
        "A letter arrived for {name}, {a}, {age} years of age, resident of {city}.",
        "Say hello to {name}: {age}, {job}, {city}.",
        "If you visit {city}, ask for {name}; that {job} is {age} now.",
        "The winner, {name} of {city}, is {a} and is {age} years old.",
        "{name} celebrated birthday number {age} in {city} and is still {a}.",
        "Being {a} at {age} suits {name}, who stayed in {city}.",
        "We spoke with {name} ({job}, {age}) at a cafe in {city}.",
        "Hardly anyone in {city} is still {a} at {age}, but {name} is.",
        "According to the form, {name} is {a}, is aged {age} and resides in {city}.",
    ],
    first: &[
        "Alice", "Boris", "Cecilia", "Dmitri", "Edith", "Frank", "Gloria", "Henry", "Irene",
        "Jack", "Kira", "Lucas", "Monica", "Nathan", "Olivia", "Peter", "Rachel", "Stefan",
        "Teresa", "Walter",
    ],
    last: &[
        "Allen", "Bennett", "Cooper", "Dubois", "Ellis", "Fraser", "Gomez", "Hughes", "Ito",
        "Jones", "Kaplan", "Lindgren", "Morris", "Nelson", "Ortiz", "Price", "Ramos", "Stewart",
        "Taylor", "Wagner",
    ],
    cities: &[
        "London",
        "Warsaw",
        "Milan",
        "Brussels",
        "Helsinki",
        "Stockholm",
        "Houston",
        "Miami",
        "Portland",
        "Vancouver",
        "Santiago",
        "Casablanca",
        "Karachi",
        "Shanghai",
        "Melbourne",
        "Valencia",
        "Marseille",
        "Cologne",
        "Edinburgh",
        "Budapest",
    ],
    jobs: &[
        "doctor",
        "writer",
        "singer",
        "dancer",
        "actor",
        "judge",
        "biologist",
        "chemist",
        "programmer",
        "salesman",
        "secretary",
        "soldier",
        "tutor",
        "florist",
        "fisherman",
        "bricklayer",
        "detective",
        "welder",
        "taxi driver",
        "web designer",
    ],
};

/// Writes both files into `folder`.
pub(crate) fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for side in [&TRAIN, &HOLDOUT] {
        let path = folder.join(side.file);
        std::fs::write(&path, lines(side)?)
            .with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// The side's rows, one a line. Patterns take turns, so that each has its share.
fn lines(side: &Side) -> Result<String> {
    let mut random = Random(side.seed);
    let mut seen = BTreeSet::new();
    let mut out = String::new();
    while seen.len() < side.rows {
        let number = seen.len();
        let pattern = side.patterns[number % side.patterns.len()];
        let name = format!("{} {}", random.of(side.first), random.of(side.last));
        let age = 18 + random.below(63);
        let (city, job) = (random.of(side.cities), random.of(side.jobs));
        let sentence = fill(pattern, &name, age, city, job);
        if !seen.insert(sentence.clone()) {
            continue;
        }
        let id = format!("{}{number:04}", side.prefix);
        let pattern = number % side.patterns.len();
        let text = serde_json::to_string(&sentence)?;
        write!(
            out,
            r#"{{"id": "{id}", "pattern": "{}{pattern}", "sentence": {text}"#,
            side.prefix
        )?;
        if side.answers {
            let answer =
                format!(r#"{{"name": "{name}", "age": {age}, "city": "{city}", "job": "{job}"}}"#);
            write!(out, r#", "answer": {}"#, serde_json::to_string(&answer)?)?;
        }
        out.push_str("}\n");
    }
    Ok(out)
}

fn fill(pattern: &str, name: &str, age: usize, city: &str, job: &str) -> String {
    let vowel = job.starts_with(['a', 'e', 'i', 'o', 'u']);
    let article = if vowel { "an" } else { "a" };
    let start = if vowel { "An" } else { "A" };
    pattern
        .replace("{name}", name)
        .replace("{age}", &age.to_string())
        .replace("{city}", city)
        .replace("{job}", job)
        .replace("{a}", &format!("{article} {job}"))
        .replace("{A}", &format!("{start} {job}"))
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::{HOLDOUT, TRAIN, lines};
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn the_committed_files_are_what_is_made() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench/distill");
        for side in [&TRAIN, &HOLDOUT] {
            let kept = std::fs::read_to_string(folder.join(side.file)).unwrap();
            assert!(kept == lines(side).unwrap(), "{}: make it again", side.file);
        }
    }

    #[test]
    fn the_sides_share_no_pattern_name_city_or_job() {
        let parts = |side: &super::Side| -> BTreeSet<&str> {
            [side.patterns, side.first, side.last, side.cities, side.jobs]
                .into_iter()
                .flatten()
                .copied()
                .collect()
        };
        let both: Vec<_> = parts(&TRAIN)
            .intersection(&parts(&HOLDOUT))
            .copied()
            .collect();
        assert!(both.is_empty(), "{both:?}");
    }
}
