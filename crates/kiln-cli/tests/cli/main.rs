//! The binary as a person runs it: command lines in, files and exit codes out.
//!
//! One test binary for all of them, so that Burn is linked once.

mod common;
mod conditional;

mod bad_input;
mod checkpoints;
mod constrained;
mod cutest;
mod cv;
mod describe;
mod extremes;
mod faults;
mod field;
mod fit_curve;
mod glm;
mod glm_rows;
mod gmm;
mod help;
mod laboratory;
mod logistic;
mod method;
mod own_problem;
mod penalties;
mod pictures;
mod predict;
mod report;
mod resume;
mod rows_of_images;
mod run_folder;
mod second_stage;
mod slips;
mod solver;
mod svm;
mod train;
mod use_a_run;
mod vae_layers;
mod validation;
mod vi;
