//! The result as an SVG: latency by percentile above, second by second below.
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::LoadError;
use crate::outcome::{Outcome, Traffic};

const SIZE: (u32, u32) = (960, 720);

/// A name, a colour, and a histogram: [microseconds, count].
type Curve<'a> = (&'a str, RGBColor, &'a [(f64, u64)]);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws `outcome`; without traffic only its caption.
///
/// # Errors
/// [`LoadError::Argument`] if the numbers can't be drawn.
pub(crate) fn svg(outcome: &Outcome) -> Result<String, LoadError> {
    let mut text = String::new();
    draw(&mut text, outcome).map_err(|error| LoadError::Argument(format!("plot: {error}")))?;
    Ok(text)
}

fn draw(text: &mut String, outcome: &Outcome) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let settings = &outcome.settings;
    let title =
        if settings.name.is_empty() { format!("{:?}", settings.kind).to_lowercase() } else { settings.name.clone() };
    let machine = &outcome.machine;
    let root = root.titled(&title, ("sans-serif", 22))?;
    let caption = format!(
        "{} · {} cores · Linux {} · commit {}",
        machine.processor, machine.cores, machine.kernel, outcome.commit
    );
    let root = root.titled(&caption, ("sans-serif", 12))?;
    let root = root.titled(&outcome.command, ("monospace", 11))?;
    if let Some(traffic) = &outcome.traffic {
        let (above, below) = root.split_vertically(340);
        let of = &traffic.histogram[..];
        let curves = match (&outcome.undisturbed, &outcome.back_end) {
            (Some(calm), _) => vec![("with churn", RED, of), ("without churn", BLUE, &calm.histogram[..])],
            (None, Some(told)) => vec![("there and back", RED, of), ("to the back end", BLUE, &told.histogram[..])],
            (None, None) => vec![("latency", BLUE, of)],
        };
        percentiles(&above, &curves)?;
        seconds(&below, traffic)?;
    }
    root.present()?;
    Ok(())
}

/// Latency over the percentile, on a scale of nines: 0 is 0 %, 1 is 90 %, 2 is 99 %.
fn percentiles(area: &Area<'_>, curves: &[Curve<'_>]) -> Result<(), Box<dyn std::error::Error>> {
    let lines: Vec<Vec<(f64, f64)>> = curves.iter().map(|curve| nines(curve.2)).collect();
    let points = || lines.iter().flatten();
    let right = points().map(|point| point.0).fold(1.0, f64::max);
    let low = points().map(|point| point.1).fold(f64::INFINITY, f64::min).clamp(0.001, 1e6);
    let high = points().map(|point| point.1).fold(low, f64::max) * 1.3;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..right, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("percentile")
        .y_desc("latency, ms")
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|nines| percentile(*nines))
        .draw()?;
    for (line, (name, color, _)) in lines.into_iter().zip(curves) {
        let color = *color;
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    chart.configure_series_labels().background_style(WHITE).position(SeriesLabelPosition::UpperLeft).draw()?;
    Ok(())
}

/// What stands below a place on the scale of nines: nothing between whole ones.
fn percentile(nines: f64) -> String {
    if (nines - nines.round()).abs() > 1e-6 {
        return String::new();
    }
    let decimals = (nines.round() as usize).saturating_sub(2);
    format!("{:.decimals$} %", 100.0 * (1.0 - 10_f64.powf(-nines)))
}

/// Points (nines, milliseconds) of a histogram of (microseconds, count).
fn nines(histogram: &[(f64, u64)]) -> Vec<(f64, f64)> {
    let all: u64 = histogram.iter().map(|bar| bar.1).sum();
    let mut below = 0;
    let mut line = Vec::new();
    for (micros, count) in histogram {
        let part = below as f64 / all.max(1) as f64;
        line.push((-(1.0 - part).log10(), (micros / 1e3).max(0.001)));
        below += count;
    }
    line
}

/// Median, 99th percentile and rate, second by second.
fn seconds(area: &Area<'_>, traffic: &Traffic) -> Result<(), Box<dyn std::error::Error>> {
    // Seconds of the warm-up have no latency.
    let series: Vec<_> = traffic.series.iter().filter(|point| point.p99_us > 0.0).collect();
    let right = series.last().map_or(1.0, |point| point.at_secs).max(1.0);
    let high = series.iter().map(|point| point.p99_us / 1e3).fold(0.001, f64::max) * 1.4;
    let rate = series.iter().map(|point| point.per_sec).fold(1.0, f64::max) * 1.2;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .right_y_label_area_size(64)
        .build_cartesian_2d(0.0..right, 0.0..high)?
        .set_secondary_coord(0.0..right, 0.0..rate);
    chart.configure_mesh().light_line_style(TRANSPARENT).x_desc("seconds").y_desc("latency, ms").draw()?;
    chart.configure_secondary_axes().y_desc("messages a second").draw()?;
    let rates = series.iter().map(|point| (point.at_secs, point.per_sec));
    chart
        .draw_secondary_series(LineSeries::new(rates, BLACK.mix(0.35)))?
        .label("messages a second")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLACK.mix(0.35)));
    let medians = series.iter().map(|point| (point.at_secs, point.p50_us / 1e3));
    chart
        .draw_series(LineSeries::new(medians, BLUE.stroke_width(2)))?
        .label("median")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLUE));
    let tails = series.iter().map(|point| (point.at_secs, point.p99_us / 1e3));
    chart
        .draw_series(LineSeries::new(tails, RED.stroke_width(2)))?
        .label("99th percentile")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], RED));
    chart.configure_series_labels().background_style(WHITE).position(SeriesLabelPosition::UpperRight).draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_percent_is_one_nine() {
        let line = nines(&[(1_000.0, 90), (2_000.0, 9), (3_000.0, 1)]);
        assert_eq!(line[0], (0.0, 1.0));
        assert_eq!([0.0, 1.0, 1.5, 3.0].map(percentile), ["0 %", "90 %", "", "99.9 %"]);
        assert!((line[1].0 - 1.0).abs() < 1e-9 && (line[2].0 - 2.0).abs() < 1e-9);
    }
}
