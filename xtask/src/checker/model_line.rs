//! The line in which a model says what it explored:
//! `MODEL name=group::model bound=unbounded executions=12 seconds=0.5 outcomes=a|b`

use serde::Serialize;

#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub struct ModelLine {
    pub name: String,
    /// loom: `unbounded`, or `preemptions:N`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
    /// shuttle: which scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<String>,
    pub executions: u64,
    pub seconds: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
}

/// The lines that the model called `name` printed: one, or one per scheduler.
/// With `--nocapture` libtest's own `test name ... ` may stand before the first.
pub fn find(output: &str, name: &str) -> Vec<ModelLine> {
    let lines = output.lines().filter_map(parse);
    lines.filter(|line| line.name == name).collect()
}

fn parse(line: &str) -> Option<ModelLine> {
    let at = line.find("MODEL name=")?;
    let mut fields: Vec<(&str, String)> = Vec::new();
    for word in line[at..].split_whitespace().skip(1) {
        match (word.split_once('='), fields.last_mut()) {
            (Some((key, value)), _) => fields.push((key, value.to_owned())),
            // An outcome may hold blanks.
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(word);
            }
            (None, None) => return None,
        }
    }
    let get = |key: &str| {
        let found = fields.iter().find(|(k, _)| *k == key);
        found.map(|(_, value)| value.clone())
    };
    Some(ModelLine {
        name: get("name")?,
        bound: get("bound"),
        scheduler: get("scheduler"),
        executions: get("executions")?.parse().ok()?,
        seconds: get("seconds")?.parse().ok()?,
        outcomes: get("outcomes")
            .map(|text| text.split('|').map(ToOwned::to_owned).collect())
            .unwrap_or_default(),
        seed: get("seed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loom_line_is_read() {
        let text = "running 1 test\ntest a::b ... MODEL name=a::b bound=preemptions:2 executions=1234 \
                    seconds=0.52 outcomes=ab|b a\nok\n";
        let line = find(text, "a::b").remove(0);
        assert_eq!(line.bound.as_deref(), Some("preemptions:2"));
        assert_eq!((line.executions, line.seconds), (1234, 0.52));
        assert_eq!(line.outcomes, ["ab", "b a"]);
    }

    #[test]
    fn a_shuttle_line_is_read() {
        let text = "MODEL name=a::b scheduler=pct:3 executions=10000 seconds=1.2 seed=123";
        let line = find(text, "a::b").remove(0);
        assert_eq!(line.scheduler.as_deref(), Some("pct:3"));
        assert_eq!(line.seed.as_deref(), Some("123"));
        assert!(line.bound.is_none() && line.outcomes.is_empty());
    }

    #[test]
    fn every_scheduler_of_a_model_counts() {
        let line = |scheduler| {
            format!("MODEL name=a::b scheduler={scheduler} executions=5 seconds=1 seed=1\n")
        };
        let found = find(&(line("random") + "noise\n" + &line("pct:2")), "a::b");
        let schedulers: Vec<_> = found
            .iter()
            .filter_map(|l| l.scheduler.as_deref())
            .collect();
        assert_eq!(schedulers, ["random", "pct:2"]);
    }

    #[test]
    fn another_models_line_does_not_count() {
        let text = "MODEL name=a::c bound=unbounded executions=1 seconds=1";
        assert_eq!(find(text, "a::b"), []);
    }

    #[test]
    fn incomplete_lines_do_not_count() {
        for text in [
            "",
            "MODEL name=a::b",
            "MODEL name=a::b executions=x seconds=1",
            "MODEL name=a::b executions=-1 seconds=1",
            "MODELS name=a::b executions=1 seconds=1",
        ] {
            assert_eq!(find(text, "a::b"), [], "{text}");
        }
    }
}
