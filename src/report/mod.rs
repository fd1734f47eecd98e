//! What people look at: figures (a declarative spec drawn as SVG, PNG and PDF beside its data), and the builders of
//! the figures that the commands write, one file per family. Plain numbers come in; nothing here knows a record or a
//! metric.

pub mod bars;
pub mod calibration;
pub mod cells;
pub mod charts;
pub mod curves;
pub mod figure;
pub mod fit;
pub mod lengths;
pub mod pareto;
pub mod profile;
pub mod residuals;
