//! Training that blows up: said where, tried once more, then excluded, and the page tells.

use nullcline_tests::{Lab, TINY, View, changed};

#[test]
fn a_loss_that_is_no_number_is_retried_once_and_then_excluded() {
    let lab = Lab::with_cohort(View::Bold, 1);
    let wild = changed(TINY, "learning_rate = [2e-3, 1e-3]", "learning_rate = [1e12, 1e12]\nmax_gradient_norm = 1e30");
    lab.write("wild.toml", wild);
    let line = "run study out participant --config wild.toml --participant-label patient01";
    let answer = lab.nullcline(line).exits(1);
    for refit in [1, 2] {
        let told = format!("sub-patient01 refit {refit}");
        assert_eq!(answer.stderr.matches(&format!("{told}: the ")).count(), 1, "one retry: {}", answer.told());
        assert!(answer.stderr.contains(&format!("{told} is excluded")), "{}", answer.told());
        assert!(answer.stderr.contains("in epoch 1"), "{}", answer.told());
    }
    let status = lab.json("out/sub-patient01/sub-patient01_desc-status_summary.json");
    assert_eq!(status["excluded"]["stage"], "judge");
    assert!(lab.read("out/sub-patient01/sub-patient01_report.html").contains("in epoch 1"));
}
