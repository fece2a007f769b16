//! A recording drawn with what was recognised in it.

use crate::event::{Event, Kind};
use crate::gate::Body;
use aimclr_skeleton::draw::{self, Angle, Area, Colour, DrawError, Picture, Size, View, colour};
use aimclr_skeleton::truth::Segment;
use aimclr_skeleton::{Layout, Sequence};
use std::path::Path;

/// Most pictures of an animation: five minutes at 10 a second.
pub const MOST_PICTURES: usize = 3000;

/// Most bodies that are drawn.
const MOST_BODIES: usize = 16;

const WIDTH: u32 = 480;
const HEAD: f32 = 76.0;
const SCENE: f32 = 360.0;
const MARGIN: f32 = 14.0;
const LINE: f32 = 24.0;

/// How a recording is to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// From where to look.
    pub angle: Angle,
    /// Pictures a second.
    pub fps: f64,
}

/// What one person does at some instant, as the last event said it.
#[derive(Debug, Clone)]
struct Doing {
    person: u64,
    action: String,
    confidence: f64,
    top: Vec<(String, f64)>,
}

#[derive(Debug)]
struct Moment {
    t: f64,
    people: Vec<Vec<Option<[f32; 3]>>>,
    doing: Vec<Doing>,
}

/// The stretch of a recording that is to be drawn. Of several sources it is the first one.
#[derive(Debug)]
pub struct Recording {
    from: f64,
    to: f64,
    every: f64,
    over: bool,
    source: Option<String>,
    /// Everybody who ever did something, in order of coming.
    came: Vec<u64>,
    doing: Vec<Doing>,
    moments: Vec<Moment>,
}

impl Recording {
    /// The stretch from `from` to `to` seconds of the stream's time, with at most `fps` moments a
    /// second.
    pub fn new(from: f64, to: f64, fps: f64) -> Self {
        Self {
            from,
            to,
            every: 1.0 / fps,
            over: false,
            source: None,
            came: Vec::new(),
            doing: Vec::new(),
            moments: Vec::new(),
        }
    }

    /// True once it holds as many pictures as an animation may have.
    pub fn is_full(&self) -> bool {
        self.moments.len() >= MOST_PICTURES
    }

    /// True once a frame has come that lies behind the stretch.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Takes a frame that the pipeline used: its source, its time, who was there in the model's
    /// layout, and the events that followed from it.
    pub fn add(&mut self, source: &str, t: f64, bodies: &[Body], events: &[Event]) {
        if *self.source.get_or_insert_with(|| source.into()) != source {
            return;
        }
        for event in events.iter().filter(|event| event.source == source) {
            self.hear(event);
        }
        // Half an interval of grace keeps every third of frames that come three times as fast.
        let next = match self.moments.last() {
            Some(last) => last.t + 0.99 * self.every,
            None => self.from,
        };
        self.over |= t > self.to;
        if t < next || self.over || self.is_full() {
            return;
        }
        let bodies = bodies.iter().take(MOST_BODIES);
        self.moments.push(Moment {
            t,
            people: bodies.map(|body| body.joints.clone()).collect(),
            doing: self.doing.clone(),
        });
    }

    /// Keeps who does what, in order of coming: a person who goes on to another action keeps the
    /// place.
    fn hear(&mut self, event: &Event) {
        self.doing.retain(|doing| doing.person != event.person);
        if event.event == Kind::End {
            return;
        }
        if !self.came.contains(&event.person) {
            self.came.push(event.person);
        }
        self.doing.push(Doing {
            person: event.person,
            action: event.action.clone(),
            confidence: event.confidence,
            top: event.top.clone(),
        });
        let came = &self.came;
        self.doing
            .sort_by_key(|doing| came.iter().position(|person| *person == doing.person));
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.moments.len()
    }

    /// True where no frame lay in the stretch.
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// Draws the stretch as an animated GIF: everybody as a stick figure, above them what the one
    /// who came first does and, where the truth is known, whether that is so, below them the best
    /// classes as bars. `drawn` is told how many pictures are done.
    pub fn save_gif(
        &self,
        path: &Path,
        layout: &Layout,
        truth: Option<&[Segment]>,
        style: Style,
        mut drawn: impl FnMut(usize),
    ) -> Result<(), DrawError> {
        let sequence = self.sequence(layout);
        let area = Area {
            x: 0.0,
            y: HEAD,
            width: WIDTH as f32,
            height: SCENE,
        };
        let view = View::fit(sequence.view(), style.angle, area);
        let bars = 3.0;
        let height = HEAD + SCENE + bars * LINE + MARGIN;
        let pictures = self.moments.iter().enumerate().map(|(t, moment)| {
            let mut picture = Picture::new(WIDTH, height as u32);
            draw::scene(&mut picture, &view, layout, sequence.view(), t);
            head(&mut picture, moment, truth);
            for (i, (action, p)) in moment.doing.first().iter().flat_map(|d| &d.top).enumerate() {
                bar(&mut picture, HEAD + SCENE + i as f32 * LINE, action, *p);
            }
            drawn(t + 1);
            picture
        });
        draw::gif(path, pictures, style.fps.min(self.fps()))
    }

    /// Moments a second: less than was asked for where the source is slower.
    fn fps(&self) -> f64 {
        match (self.moments.first(), self.moments.last()) {
            (Some(first), Some(last)) if last.t > first.t => {
                ((self.moments.len() - 1) as f64 / (last.t - first.t)).max(0.1)
            }
            _ => 1.0,
        }
    }

    /// Everybody as the drawing takes them, 2D bodies stood up; joints that were not seen stay at
    /// the origin.
    fn sequence(&self, layout: &Layout) -> Sequence {
        let most = self.moments.iter().map(|moment| moment.people.len()).max();
        let bodies = most.unwrap_or(0).max(1);
        let mut sequence = Sequence::zeros(self.moments.len(), bodies, layout.len());
        for (t, moment) in self.moments.iter().enumerate() {
            for (m, joints) in moment.people.iter().enumerate() {
                for (v, joint) in joints.iter().enumerate().take(layout.len()) {
                    if let Some(position) = joint {
                        sequence.set_joint(t, m, v, *position);
                    }
                }
            }
        }
        draw::upright(sequence.view(), layout)
    }
}

/// What is done, and what is true.
fn head(picture: &mut Picture, moment: &Moment, truth: Option<&[Segment]>) {
    let width = picture.width() as f32;
    picture.rectangle(0.0, 0.0, width, HEAD - 4.0, colour::PAPER);
    let said = moment.doing.first();
    let mut end = match said {
        Some(doing) => picture.text(
            MARGIN,
            12.0,
            Size::LargeBold,
            colour::INK,
            &shortened(&doing.action),
        ),
        None => picture.text(MARGIN, 12.0, Size::Large, colour::MUTED, "..."),
    };
    if let Some(doing) = said {
        let sure = format!("  {:.0} %", doing.confidence * 100.0);
        end = picture.text(end, 12.0, Size::Large, colour::MUTED, &sure);
    }
    let time = format!("{:.1} s", moment.t);
    let start = width - MARGIN - Size::Small.width() * time.chars().count() as f32;
    picture.text(start, 14.0, Size::Small, colour::MUTED, &time);
    if let Some(truth) = truth {
        let now = truth
            .iter()
            .find(|s| s.start <= moment.t && moment.t < s.end);
        let action = now.map_or("-", |s| &s.action);
        let line = format!("truly: {}", shortened(action));
        picture.text(MARGIN, 42.0, Size::Small, colour::MUTED, &line);
        if let (Some(now), Some(said)) = (now, said) {
            mark(picture, [end + 14.0, 14.0], now.action == said.action);
        }
    } else {
        for (i, doing) in moment.doing.iter().enumerate().skip(1).take(1) {
            let others = moment.doing.len() - i - 1;
            let more = match others {
                0 => String::new(),
                _ => format!(", {others} more"),
            };
            let line = format!(
                "person {}: {}{more}",
                doing.person,
                shortened(&doing.action)
            );
            picture.text(MARGIN, 42.0, Size::Small, colour::MUTED, &line);
        }
    }
}

/// A tick or a cross. Their shapes differ as well as their colours, which not everybody can tell.
fn mark(picture: &mut Picture, [x, y]: [f32; 2], right: bool) {
    let mut line = |from: [f32; 2], to: [f32; 2], colour: Colour| {
        picture.line(
            [x + from[0], y + from[1]],
            [x + to[0], y + to[1]],
            3.0,
            colour,
        );
    };
    if right {
        line([0.0, 8.0], [5.0, 14.0], colour::ACCENT);
        line([5.0, 14.0], [15.0, 1.0], colour::ACCENT);
    } else {
        line([1.0, 1.0], [13.0, 14.0], colour::RIGHT);
        line([13.0, 1.0], [1.0, 14.0], colour::RIGHT);
    }
}

fn bar(picture: &mut Picture, y: f32, action: &str, p: f64) {
    let width = picture.width() as f32;
    let names = 27.0 * Size::Small.width();
    let percent = format!("{:3.0} %", p * 100.0);
    let end = width - MARGIN - 5.0 * Size::Small.width();
    let start = MARGIN + names;
    picture.text(MARGIN, y, Size::Small, colour::INK, &shortened(action));
    picture.bar(
        start,
        y + 3.0,
        end - start - 8.0,
        11.0,
        p as f32,
        colour::ACCENT,
    );
    picture.text(end, y, Size::Small, colour::MUTED, &percent);
}

/// A name that fits its place.
fn shortened(name: &str) -> String {
    const LETTERS: usize = 26;
    match name.chars().count() > LETTERS {
        true => name.chars().take(LETTERS - 2).chain("..".chars()).collect(),
        false => name.into(),
    }
}

#[cfg(test)]
mod tests;
