//! What people look at: figures (a declarative spec drawn as SVG and PNG beside its data), and the builders of
//! the figures that the commands write. Plain numbers come in; nothing here knows a record or a metric.

pub mod charts;
pub mod figure;
pub mod lengths;
