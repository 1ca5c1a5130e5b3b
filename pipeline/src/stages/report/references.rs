//! What the methods of a report rest on.

/// Method → source.
pub const REFERENCES: &[(&str, &str)] = &[
    (
        "Shallow PLRNN and generalised teacher forcing",
        "Hess, Monfared, Brenner, Durstewitz (2023). Generalized teacher forcing for learning chaotic dynamics. ICML.",
    ),
    (
        "Variational training of a latent RNN",
        "Brenner, Hess, Koppe, Durstewitz (2024). Integrating multimodal data for joint generative modeling of complex dynamics. ICML. Kingma, Welling (2014). Auto-encoding variational Bayes. ICLR.",
    ),
    ("Optimiser (RAdam)", "Liu et al. (2020). On the variance of the adaptive learning rate and beyond. ICLR."),
    (
        "State-space divergence",
        "Koppe et al. (2019). Identifying nonlinear dynamical systems via generative recurrent neural networks with applications to fMRI. PLoS Comput. Biol. 15, e1007263.",
    ),
    (
        "Hellinger distance of power spectra",
        "Mikhaeil, Monfared, Durstewitz (2022). On the difficulty of learning chaotic dynamics with RNNs. NeurIPS.",
    ),
    ("Bits per spike", "Pei et al. (2021). Neural Latents Benchmark '21. NeurIPS Datasets and Benchmarks."),
    (
        "Phase surrogates",
        "Prichard, Theiler (1994). Generating surrogate data for time series with several simultaneously measured variables. Phys. Rev. Lett. 73, 951.",
    ),
    ("Vector autoregression", "Lütkepohl (2005). New introduction to multiple time series analysis. Springer."),
    ("Lyapunov exponents", "Benettin, Galgani, Giorgilli, Strelcyn (1980). Meccanica 15, 9–30."),
    ("Interval of basin shares", "Wilson (1927). J. Am. Stat. Assoc. 22, 209–212."),
    (
        "Permutation test with covariates",
        "Freedman, Lane (1983). J. Bus. Econ. Stat. 1, 292–298. Winkler et al. (2014). NeuroImage 92, 381–397.",
    ),
    ("Hedges' g", "Hedges, Olkin (1985). Statistical methods for meta-analysis. Academic Press."),
    ("False discovery rate", "Benjamini, Hochberg (1995). J. R. Stat. Soc. B 57, 289–300."),
    ("Agreement over refits, ICC(1,1)", "Shrout, Fleiss (1979). Psychol. Bull. 86, 420–428."),
    ("PERMANOVA", "Anderson (2001). Austral Ecol. 26, 32–46."),
    (
        "Distances between dynamics",
        "Redman et al. (2024), NeurIPS; Ostrow et al. (2023), NeurIPS; Gower (1966). Biometrika 53, 325–338.",
    ),
];
