//! The systems that the cases name by formula.

use nullcline_dynamics::{Formula, Number};
use serde_json::Value;

use crate::table::float;

fn constant<N: Number>(x: f64) -> N {
    N::from_f64(x)
}

/// `cosh x`.
fn cosh<N: Number>(x: N) -> N {
    (x.exp() + (-x).exp()) * 0.5
}

/// Reduced model of decisions in two populations (Wong & Wang 2006).
pub struct WongWang {
    parameters: [f64; 11],
}

impl WongWang {
    pub fn of(system: &Value) -> Self {
        let names = ["gamma", "tau", "a", "b", "d", "JE", "JI", "JA", "Ib", "mu", "coh"];
        Self { parameters: names.map(|name| float(&system["params"][name])) }
    }
}

impl Formula for WongWang {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, s: &[N], value: &mut [N]) {
        let [gamma, tau, a, b, d, je, ji, ja, ib, mu, coh] = self.parameters;
        for i in 0..2 {
            let sign = if i == 0 { 1.0 } else { -1.0 };
            let current = s[i] * je + s[1 - i] * ji + constant(ib + ja * mu * (1.0 + sign * coh));
            let rate = ((current * a - constant(b)) * d).over_one_minus_exp() * (1.0 / d);
            value[i] = (constant::<N>(1.0) - s[i]) * rate * gamma - s[i] * (1.0 / tau);
        }
    }
}

/// Excitatory and inhibitory population with refractoriness (Wilson & Cowan 1972).
pub struct WilsonCowan {
    c: [f64; 4],
    excitatory: (f64, f64),
    inhibitory: (f64, f64),
    drive: (f64, f64),
}

impl WilsonCowan {
    pub fn of(system: &Value) -> Self {
        let p = |name: &str| float(&system["params"][name]);
        Self {
            c: [p("c1"), p("c2"), p("c3"), p("c4")],
            excitatory: (p("a_e"), p("th_e")),
            inhibitory: (p("a_i"), p("th_i")),
            drive: (p("P"), p("Q")),
        }
    }
}

impl Formula for WilsonCowan {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let offset = |(a, threshold): (f64, f64)| 1.0 / (1.0 + (a * threshold).exp());
        let response = |x: N, gain: (f64, f64)| ((x - constant(gain.1)) * gain.0).sigmoid() - constant(offset(gain));
        let rest = |x: N, gain: (f64, f64)| constant::<N>(1.0 - offset(gain)) - x;
        let [c1, c2, c3, c4] = self.c;
        let excitation = z[0] * c1 - z[1] * c2 + constant(self.drive.0);
        let inhibition = z[0] * c3 - z[1] * c4 + constant(self.drive.1);
        value[0] = rest(z[0], self.excitatory) * response(excitation, self.excitatory) - z[0];
        value[1] = rest(z[1], self.inhibitory) * response(inhibition, self.inhibitory) - z[1];
    }
}

/// Exact mean field of quadratic integrate-and-fire neurons (Montbrió, Pazó & Roxin 2015).
pub struct QifMeanField {
    pub eta: f64,
    pub delta: f64,
    pub coupling: f64,
    pub current: f64,
}

impl QifMeanField {
    pub fn of(system: &Value) -> Self {
        let p = |name: &str| float(&system["params"][name]);
        Self { eta: p("eta"), delta: p("Delta"), coupling: p("J"), current: p("I") }
    }
}

impl Formula for QifMeanField {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let pi = std::f64::consts::PI;
        value[0] = constant::<N>(self.delta / pi) + z[0] * z[1] * 2.0;
        value[1] = z[1].square() + constant(self.eta + self.current) + z[0] * self.coupling - (z[0] * pi).square();
    }
}

/// Morris & Lecar (1981), with the current as parameter.
#[derive(Clone)]
pub struct MorrisLecar {
    pub current: f64,
    pub capacitance: f64,
    /// `g_Ca, g_K, g_L`
    pub conductances: [f64; 3],
    /// `V_Ca, V_K, V_L`
    pub reversals: [f64; 3],
    /// `V₁ … V₄`
    pub v: [f64; 4],
    /// Rate of the recovery.
    pub rate: f64,
    /// Whether the rate of the recovery grows as `cosh((V − V₃)/(2 V₄))`.
    pub voltage_dependent: bool,
}

impl MorrisLecar {
    pub fn of(system: &Value, current: f64) -> Self {
        let p = |name: &str| float(&system["params"][name]);
        Self {
            current,
            capacitance: system["params"].get("C").map_or(1.0, float),
            conductances: [p("gCa"), p("gK"), p("gL")],
            reversals: [p("VCa"), p("VK"), p("VL")],
            v: [p("V1"), p("V2"), p("V3"), p("V4")],
            rate: system["params"].get("phi").map_or_else(|| 1.0 / p("tau"), float),
            voltage_dependent: system["params"].get("phi").is_some(),
        }
    }

    /// `m∞` or `w∞`.
    fn open<N: Number>(v: N, middle: f64, width: f64) -> N {
        (((v - constant(middle)) * (1.0 / width)).tanh() + constant(1.0)) * 0.5
    }

    /// The equilibrium at voltage `v`, and the current that holds it.
    pub fn at_rest(&self, v: f64) -> ([f64; 2], f64) {
        let w = Self::open(v, self.v[2], self.v[3]);
        let mut value = [0.0; 2];
        Self { current: 0.0, ..self.clone() }.evaluate(&[v, w], &mut value);
        ([v, w], -value[0] * self.capacitance)
    }
}

impl Formula for MorrisLecar {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let ([g_ca, g_k, g_l], [v_ca, v_k, v_l], [v1, v2, v3, v4]) = (self.conductances, self.reversals, self.v);
        let calcium = Self::open(z[0], v1, v2) * (z[0] - constant(v_ca)) * g_ca;
        let potassium = z[1] * (z[0] - constant(v_k)) * g_k;
        let leak = (z[0] - constant(v_l)) * g_l;
        value[0] = (constant::<N>(self.current) - calcium - potassium - leak) * (1.0 / self.capacitance);
        let approach = (Self::open(z[0], v3, v4) - z[1]) * self.rate;
        value[1] =
            if self.voltage_dependent { approach * cosh((z[0] - constant(v3)) * (1.0 / (2.0 * v4))) } else { approach };
    }
}

/// Cortical column of Jansen & Rit (1995), in seconds and millivolts.
pub struct JansenRit {
    pub drive: f64,
}

impl JansenRit {
    const A: f64 = 3.25;
    const B: f64 = 22.0;
    const RATE_A: f64 = 100.0;
    const RATE_B: f64 = 50.0;
    const C: [f64; 4] = [135.0, 108.0, 33.75, 33.75];

    fn rate<N: Number>(v: N) -> N {
        ((v - constant(6.0)) * 0.56).sigmoid() * 5.0
    }

    /// The equilibrium with `y₁ − y₂ = v`, and the drive that holds it.
    pub fn at_rest(v: f64) -> ([f64; 6], f64) {
        let [c1, c2, c3, c4] = Self::C;
        let y0 = Self::A / Self::RATE_A * Self::rate(v);
        let y2 = Self::B / Self::RATE_B * c4 * Self::rate(c3 * y0);
        let y1 = v + y2;
        let drive = y1 * Self::RATE_A / Self::A - c2 * Self::rate(c1 * y0);
        ([y0, y1, y2, 0.0, 0.0, 0.0], drive)
    }
}

impl Formula for JansenRit {
    fn dim(&self) -> usize {
        6
    }
    fn evaluate<N: Number>(&self, y: &[N], value: &mut [N]) {
        let [c1, c2, c3, c4] = Self::C;
        let inputs = [
            Self::rate(y[1] - y[2]) * (Self::A * Self::RATE_A),
            (Self::rate(y[0] * c1) * c2 + constant(self.drive)) * (Self::A * Self::RATE_A),
            Self::rate(y[0] * c3) * (c4 * Self::B * Self::RATE_B),
        ];
        let rates = [Self::RATE_A, Self::RATE_A, Self::RATE_B];
        for i in 0..3 {
            value[i] = y[3 + i];
            value[3 + i] = inputs[i] - y[3 + i] * (2.0 * rates[i]) - y[i] * (rates[i] * rates[i]);
        }
    }
}

/// Lorenz (1963).
pub struct Lorenz {
    pub sigma: f64,
    pub rho: f64,
    pub beta: f64,
}

impl Formula for Lorenz {
    fn dim(&self) -> usize {
        3
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = (z[1] - z[0]) * self.sigma;
        value[1] = z[0] * (constant::<N>(self.rho) - z[2]) - z[1];
        value[2] = z[0] * z[1] - z[2] * self.beta;
    }
}

/// `x′ = y − x, y′ = −x z + b |z|, z′ = x y − a`.
pub struct ModifiedLorenz {
    pub a: f64,
    pub b: f64,
}

impl Formula for ModifiedLorenz {
    fn dim(&self) -> usize {
        3
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = z[1] - z[0];
        value[1] = z[2].abs() * self.b - z[0] * z[2];
        value[2] = z[0] * z[1] - constant(self.a);
    }
}

/// Cyclically symmetric attractor of Thomas (1999).
pub struct Thomas {
    pub b: f64,
}

impl Formula for Thomas {
    fn dim(&self) -> usize {
        3
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        for i in 0..3 {
            value[i] = z[(i + 1) % 3].sin() - z[i] * self.b;
        }
    }
}

/// `ẍ = μ (1 − x²) ẋ − x`.
pub struct VanDerPol {
    pub mu: f64,
}

impl Formula for VanDerPol {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = z[1];
        value[1] = (constant::<N>(1.0) - z[0].square()) * z[1] * self.mu - z[0];
    }
}

/// `ṙ = μ r − r³, θ̇ = ω + b r²`; with `ω = b = 0` and `μ = 1` a ring of equilibria.
pub struct StuartLandau {
    pub mu: f64,
    pub omega: f64,
    pub b: f64,
}

impl Formula for StuartLandau {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let r2 = z[0].square() + z[1].square();
        let (growth, turn) = (constant::<N>(self.mu) - r2, constant::<N>(self.omega) + r2 * self.b);
        value[0] = growth * z[0] - turn * z[1];
        value[1] = growth * z[1] + turn * z[0];
    }
}

/// Lorenz (1984) with the variable of van Veen (2003).
pub struct Lorenz84 {
    pub forcing: f64,
    /// `α, β, G, δ, γ, T`
    pub parameters: [f64; 6],
}

impl Lorenz84 {
    pub fn of(system: &Value, forcing: f64) -> Self {
        Self {
            forcing,
            parameters: ["alpha", "beta", "G", "delta", "gamma", "T"].map(|name| float(&system["params"][name])),
        }
    }
}

impl Formula for Lorenz84 {
    fn dim(&self) -> usize {
        4
    }
    fn evaluate<N: Number>(&self, s: &[N], value: &mut [N]) {
        let [alpha, beta, g, delta, gamma, t] = self.parameters;
        let [x, y, z, u] = [s[0], s[1], s[2], s[3]];
        value[0] = -y.square() - z.square() - x * alpha + constant(alpha * self.forcing) - u.square() * gamma;
        value[1] = x * y - x * z * beta - y + constant(g);
        value[2] = x * y * beta + x * z - z;
        value[3] = u * x * gamma - u * delta + constant(t);
    }
}

/// Catalytic oxidation of CO (Bykov et al.).
pub struct CoOxidation {
    pub q2: f64,
    /// `q₁, q₃, q₄, q₅, q₆, k`
    pub parameters: [f64; 6],
}

impl CoOxidation {
    pub fn of(system: &Value, q2: f64) -> Self {
        Self { q2, parameters: ["q1", "q3", "q4", "q5", "q6", "k"].map(|name| float(&system["params"][name])) }
    }
}

impl Formula for CoOxidation {
    fn dim(&self) -> usize {
        3
    }
    fn evaluate<N: Number>(&self, s: &[N], value: &mut [N]) {
        let [q1, q3, q4, q5, q6, k] = self.parameters;
        let free = constant::<N>(1.0) - s[0] - s[1] - s[2];
        value[0] = free.square() * (2.0 * q1) - s[0].square() * (2.0 * q5) - s[0] * s[1] * q3;
        value[1] = free * self.q2 - s[1] * q6 - s[0] * s[1] * q3;
        value[2] = (free - s[2] * k) * q4;
    }
}

/// `x′ = 1 − a x² + y, y′ = b x` (Hénon 1976).
#[derive(Clone)]
pub struct Henon {
    pub a: f64,
    pub b: f64,
}

impl Formula for Henon {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = constant::<N>(1.0) - z[0].square() * self.a + z[1];
        value[1] = z[0] * self.b;
    }
}

/// `x′ = r x (1 − x)`.
#[derive(Clone)]
pub struct Logistic {
    pub r: f64,
}

impl Formula for Logistic {
    fn dim(&self) -> usize {
        1
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = z[0] * (constant::<N>(1.0) - z[0]) * self.r;
    }
}

/// `z′ = diag(p) z`, as a map or a velocity.
pub struct Diagonal(pub Vec<f64>);

impl Formula for Diagonal {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        for i in 0..z.len() {
            value[i] = z[i] * self.0[i];
        }
    }
}

/// Newton's map for `z³ = 1` in the complex plane.
pub struct NewtonCubic;

impl Formula for NewtonCubic {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        // z − (z³ − 1)/(3 z²) = ⅔ z + z̄² / (3 |z|⁴)
        let (x, y) = (z[0], z[1]);
        let size = ((x.square() + y.square()).square() * 3.0).recip();
        value[0] = x * (2.0 / 3.0) + (x.square() - y.square()) * size;
        value[1] = y * (2.0 / 3.0) - x * y * size * 2.0;
    }
}

/// `θ′ = θ + a sin 2θ − b sin 4θ − x sin θ (mod 2π), x′ = −J₀ cos θ` (Grebogi et al. 1983).
pub struct Grebogi {
    pub a: f64,
    pub b: f64,
    pub j0: f64,
}

impl Formula for Grebogi {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let (theta, x) = (z[0], z[1]);
        value[0] = theta + (theta * 2.0).sin() * self.a - (theta * 4.0).sin() * self.b - x * theta.sin();
        value[1] = -theta.cos() * self.j0;
    }
}
