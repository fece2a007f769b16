//! Runs and results as one page of HTML, which needs nothing beside it: charts are SVG, the style
//! stands in the head, and there is no script.

use super::chart;
use super::pictures::Named;
use super::result::ResultFolder;
use super::run::Run;
use super::setting::Setting;
use super::status::Line;
use super::text::{self, duration, grouped};
use std::fmt::Write;
use std::path::Path;

/// Mistakes that are listed.
const MISTAKES: usize = 12;

const CHANGED: &str = "<h3>Settings that are not the published ones</h3>\n";

/// A page in the making.
#[derive(Debug)]
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    /// A page with nothing but its title.
    pub fn new(title: &str) -> Self {
        Self {
            title: text::html(title),
            body: String::new(),
        }
    }

    /// All results in one table, each a link to its own part; nothing without results.
    pub fn overview(&mut self, results: &[ResultFolder]) {
        if results.is_empty() {
            return;
        }
        let rows = results.iter().enumerate().map(|(i, result)| {
            let line = Line::of(result);
            let measured = &result.measured;
            let chosen = match measured.chosen_on_test() {
                true => "<strong>test part</strong>".into(),
                false => text::html(line.selected_on.as_deref().unwrap_or("")),
            };
            format!(
                "<tr><td><a href=\"#result{i}\">{}</a></td><td>{}</td><td>{}</td><td>{}</td>\
                 <td class=\"number\">{}</td><td class=\"number\">{:.2}</td><td>{chosen}</td></tr>\n",
                text::html(&result.folder.display().to_string()),
                text::html(&measured.protocol),
                text::html(&[measured.dataset.as_str(), &measured.split].join(" ")),
                text::html(&measured.streams.join(" + ")),
                line.top1(),
                line.top5,
            )
        });
        let rows: String = rows.collect();
        self.body += &format!(
            "<h2>Results</h2>\n<div class=\"scroll\"><table>\n<tr><th>result</th><th>protocol</th>\
             <th>data</th><th>streams</th><th class=\"number\">top-1 %</th>\
             <th class=\"number\">top-5 %</th><th>chosen on</th></tr>\n{rows}</table></div>\n"
        );
    }

    /// A pre-training run.
    pub fn run(&mut self, run: &Run, charts: &[Named]) {
        self.heading(2, "", "Pre-training", &run.folder);
        let all = run.number("epochs").unwrap_or(0.0) as usize;
        let mut facts = vec![
            ("data set", text::html(&run.info.dataset)),
            ("split", text::html(&run.info.split)),
            ("stream", text::html(&run.stream())),
            ("epochs", format!("{} of {all}", run.epochs.len())),
        ];
        if let Some(last) = run.epochs.last() {
            let (seconds, _) = run.seconds();
            facts.extend([
                ("steps", grouped(last.step)),
                ("time", duration(seconds)),
                ("last loss", format!("{:.3}", last.loss)),
                ("spread", format!("{:.2}", last.spread)),
                ("speed", format!("{:.0} samples/s", last.samples_per_second)),
            ]);
        }
        if let Some(card) = &run.card {
            let made = &card.provenance;
            facts.extend([
                (
                    "layout",
                    format!(
                        "{}, {} joints",
                        text::html(&card.layout.name),
                        card.layout.len()
                    ),
                ),
                (
                    "window",
                    format!("{} frames, {:.3} s", card.frames, card.window),
                ),
                ("seed", made.seed.to_string()),
                ("licence of the data", text::html(&made.license)),
                ("cite", text::html(&made.citation)),
                (
                    "built from",
                    text::html(made.commit.as_deref().unwrap_or("")),
                ),
            ]);
        }
        self.facts(&facts);
        if let Some(fault) = run.fault() {
            self.warning(&fault);
        }
        if run.epochs.is_empty() {
            self.body += "<p class=\"muted\">No epoch is done yet.</p>\n";
        }
        let (settings, differ) = run.settings();
        self.body += CHANGED;
        match differ {
            0 => self.body += "<p>None.</p>\n",
            _ => self.settings(&settings[..differ]),
        }
        self.body += "<details><summary>All settings</summary>\n";
        self.settings(&settings);
        self.body += "</details>\n";
        self.charts(charts);
    }

    /// A result; `number` counts them as in [`overview`](Self::overview).
    pub fn result(&mut self, number: usize, result: &ResultFolder, charts: &[Named]) {
        let measured = &result.measured;
        let line = Line::of(result);
        let id = format!(" id=\"result{number}\"");
        self.heading(2, &id, &measured.protocol, &result.folder);
        if measured.chosen_on_test() {
            self.warning(
                "The classifier was chosen by its accuracy on the test part, as published results \
                 often are. That flatters it: on new data expect less.",
            );
        }
        let seeds = measured.seeds.as_ref();
        let counted = |deviation: Option<f64>, mean: f64| match deviation {
            Some(deviation) => format!("{mean:.2} ± {deviation:.2} %"),
            None => format!("{mean:.2} %"),
        };
        let mut facts = vec![
            ("top-1", counted(line.deviation, line.top1)),
            (
                "top-5",
                counted(seeds.map(|seeds| seeds.top5.deviation), line.top5),
            ),
            ("data set", text::html(&measured.dataset)),
            ("split", text::html(&measured.split)),
            ("streams", text::html(&measured.streams.join(", "))),
            (
                "chosen on",
                text::html(line.selected_on.as_deref().unwrap_or("")),
            ),
            ("test samples", grouped(measured.samples)),
            ("training samples", grouped(measured.training)),
            (
                "seed",
                measured
                    .seed
                    .map(|seed| seed.to_string())
                    .unwrap_or_default(),
            ),
        ];
        if let Some(seeds) = seeds {
            let runs: Vec<String> = seeds.top1.runs.iter().map(|x| format!("{x:.2}")).collect();
            facts.push(("top-1 of each seed", runs.join(", ")));
        }
        let further = measured.further.iter();
        let further = further.map(|(name, percent)| (name.as_str(), format!("{percent:.2} %")));
        facts.extend(further);
        self.facts(&facts);
        let changed = measured.changed_settings();
        if !changed.is_empty() {
            self.body += CHANGED;
            self.settings(&changed);
        }
        let mistakes = measured.mistakes(MISTAKES);
        if !mistakes.is_empty() {
            let rows: String = mistakes
                .iter()
                .map(|mistake| {
                    format!(
                        "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td>\
                         <td class=\"number\">{:.1}</td></tr>\n",
                        text::html(&mistake.class),
                        text::html(&mistake.taken_for),
                        grouped(mistake.count),
                        mistake.percent
                    )
                })
                .collect();
            self.body += &format!(
                "<h3>Most frequent mistakes</h3>\n<div class=\"scroll\"><table>\n<tr><th>class</th>\
                 <th>taken for</th><th class=\"number\">samples</th>\
                 <th class=\"number\">% of the class</th></tr>\n{rows}</table></div>\n"
            );
        }
        self.charts(charts);
    }

    /// The whole document.
    pub fn html(self) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
             {body}</body>\n</html>\n",
            title = self.title,
            style = include_str!("page.css"),
            body = self.body
        )
    }

    fn heading(&mut self, level: u8, id: &str, what: &str, folder: &Path) {
        // Writing to a string never fails.
        let _ = writeln!(
            self.body,
            "<h{level}{id}>{} <code class=\"muted\">{}</code></h{level}>",
            text::html(what),
            text::html(&folder.display().to_string())
        );
    }

    /// Names and values that are HTML already, where there is a value.
    fn facts(&mut self, facts: &[(&str, String)]) {
        let given = facts.iter().filter(|(_, value)| !value.is_empty());
        let rows = given.map(|(name, value)| {
            let class = if value.len() > 60 {
                " class=\"wide\""
            } else {
                ""
            };
            format!(
                "<div{class}><dt>{}</dt><dd>{value}</dd></div>\n",
                text::html(name)
            )
        });
        let rows: String = rows.collect();
        self.body += &format!("<dl>\n{rows}</dl>\n");
    }

    fn settings(&mut self, settings: &[Setting]) {
        let rows = settings.iter().map(|setting| {
            format!(
                "<tr><td><code>{}</code></td><td>{}</td><td class=\"muted\">{}</td></tr>\n",
                text::html(&setting.name),
                text::html(&setting.value),
                text::html(&setting.published)
            )
        });
        let rows: String = rows.collect();
        self.body += &format!(
            "<table>\n<tr><th>setting</th><th>here</th><th>published</th></tr>\n{rows}</table>\n"
        );
    }

    fn warning(&mut self, warning: &str) {
        self.body += &format!("<p class=\"warning\">{}</p>\n", text::html(warning));
    }

    fn charts(&mut self, charts: &[Named]) {
        for (_, chart) in charts {
            self.body += &format!("<figure>\n{}</figure>\n", chart::svg(chart));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pictures;
    use super::super::result::tests::measured;
    use super::super::run::tests::run;
    use super::*;

    fn page() -> String {
        let result = ResultFolder {
            folder: "runs/<i>\"x\"".into(),
            measured: measured(),
            epochs: Vec::new(),
        };
        let charts = pictures::of_result(&result, &|| ()).expect("charts");
        let mut page = Page::new("<script>alert(1)</script>");
        page.overview(std::slice::from_ref(&result));
        page.run(&run(9), &pictures::of_run(&run(9)));
        page.result(0, &result, &charts);
        page.html()
    }

    #[test]
    fn names_from_files_are_text_and_nothing_else() {
        let page = page();
        for hostile in ["<script", "<b>walks", "<run>", "<i>"] {
            assert!(!page.contains(hostile), "{hostile}");
        }
        for escaped in [
            "&lt;b&gt;walks",
            "&lt;run&gt;",
            "runs/&lt;i&gt;&quot;x&quot;",
        ] {
            assert!(page.contains(escaped), "{escaped}");
        }
    }

    #[test]
    fn a_page_needs_nothing_beside_it() {
        let page = page();
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("<svg").count(), 4);
        for tag in ["svg", "table", "details", "figure", "h2"] {
            let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
            assert_eq!(
                page.matches(&open).count(),
                page.matches(&close).count(),
                "{tag}"
            );
        }
    }

    #[test]
    fn the_numbers_are_there_and_the_choice_on_the_test_part_is_told() {
        let page = page();
        for part in [
            "69.50 ± 0.70 %",
            "chosen by its accuracy on the test part",
            "<strong>test part</strong>",
            "<dt>epochs</dt><dd>9 of 9</dd>",
            "<td><code>queue-size</code></td><td>256</td><td class=\"muted\">32768</td>",
            "mining begins",
        ] {
            assert!(page.contains(part), "{part}");
        }
        let mut honest = Page::new("x");
        let result = ResultFolder {
            folder: "r".into(),
            measured: super::super::result::Measured {
                selected_on: Some("last epoch".into()),
                ..measured()
            },
            epochs: Vec::new(),
        };
        honest.result(0, &result, &[]);
        assert!(!honest.html().contains("class=\"warning\""));
    }
}
