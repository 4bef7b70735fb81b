"""Optimizers, one file a family: rules (CapWords, called by their lower-case names) and recipes.

Written by `python -m tests.exports`; names are imported on first use.
"""

from jgd.core.lazy import lazy

lazy(
    __name__,
    {
        "jgd.optimizers.accsgd": "A2grad Accsgd a2grad accsgd",
        "jgd.optimizers.acprop": "ScaleByAcprop acprop scale_by_acprop",
        "jgd.optimizers.adabelief": "ScaleByBelief adabelief scale_by_belief",
        "jgd.optimizers.adabound": "ScaleByAdabound adabound scale_by_adabound",
        "jgd.optimizers.adadelta": "ScaleByAdadelta adadelta scale_by_adadelta",
        "jgd.optimizers.adafactor": "ScaleByFactoredRms adafactor scale_by_factored_rms",
        "jgd.optimizers.adagrad": "ScaleByRss adagrad root_above scale_by_rss",
        "jgd.optimizers.adahessian": "ScaleByAdahessian ScaleByAdahessianState adahessian scale_by_adahessian",
        "jgd.optimizers.adai": "AdaiState ScaleByAdai adai scale_by_adai",
        "jgd.optimizers.adam": (
            "ScaleByAdam ScaleByAmsgrad adam adamw amsgrad bias_corrections corrected_mean nadam nadamw "
            "scale_by_adam scale_by_amsgrad"
        ),
        "jgd.optimizers.adam_atan2": "ScaleByAdamAtan2 adam_atan2 scale_by_adam_atan2",
        "jgd.optimizers.adam_mini": (
            "DeclaredBlocks MiniBlocks MiniBlocksByPath ScaleByAdamMini adam_mini guess_mini_blocks mini_blocks "
            "mini_blocks_by_path scale_by_adam_mini"
        ),
        "jgd.optimizers.adamax": "ScaleByAdamax adamax adamaxw scale_by_adamax",
        "jgd.optimizers.adamod": "ScaleByAdamod adamod scale_by_adamod",
        "jgd.optimizers.adamp": "ScaleByAdamp ScaleBySgdp adamp scale_by_adamp scale_by_sgdp sgdp",
        "jgd.optimizers.adan": "ScaleByAdan adan scale_by_adan",
        "jgd.optimizers.adaptive_muon": (
            "AdaptiveMuonState ScaleByAdamuon ScaleByNormuon adamuon normuon scale_by_adamuon scale_by_normuon"
        ),
        "jgd.optimizers.ademamix": (
            "ScaleByAdemamix ScaleBySimplifiedAdemamix ademamix scale_by_ademamix scale_by_simplified_ademamix "
            "simplified_ademamix"
        ),
        "jgd.optimizers.adopt": "ScaleByAdopt adopt quarter_root scale_by_adopt",
        "jgd.optimizers.aggmo": "ScaleByAggmo aggmo scale_by_aggmo",
        "jgd.optimizers.amos": "ScaleByAmos amos scale_by_amos",
        "jgd.optimizers.ano": "ScaleByAno ano scale_by_ano",
        "jgd.optimizers.apollo": "ScaleByApollo apollo scale_by_apollo",
        "jgd.optimizers.came": "ScaleByCame came scale_by_came",
        "jgd.optimizers.catalogue": (
            "Given Made OptimizerEntry OptimizerTable catalogue descend descend_then_decay known_table named_recipe "
            "optimizer source_in variant"
        ),
        "jgd.optimizers.citation": "citation",
        "jgd.optimizers.cocob": "ScaleByCocob cocob scale_by_cocob",
        "jgd.optimizers.curvature": (
            "Family GaussNewtonBartlettEstimator HutchinsonEstimatorDiagHessian ModelAt Outputs Product "
            "empirical_metric family_metric gauss_newton_bartlett_estimator hutchinson_estimator_diag_hessian "
            "loss_metric model_at squared_gradients targets"
        ),
        "jgd.optimizers.dadapt": (
            "DAdaptAdagrad DAdaptAdamw DAdaptLion DAdaptSgd DAdaptState adam_rate dadapt_adagrad dadapt_adamw "
            "dadapt_lion dadapt_sgd sum_of_moduli"
        ),
        "jgd.optimizers.damped_cg": "ConjugateGradients damped_cg updates_along",
        "jgd.optimizers.diffgrad": "ScaleByDiffgrad diffgrad scale_by_diffgrad",
        "jgd.optimizers.dion": "DionState ScaleByDion dion scale_by_dion",
        "jgd.optimizers.dog": (
            "ScaleByDistanceOverGradients ScaleByDog ScaleByDowg dog dowg ldog scale_by_distance_over_gradients "
            "scale_by_dog scale_by_dowg"
        ),
        "jgd.optimizers.exadam": "ScaleByExadam exadam scale_by_exadam",
        "jgd.optimizers.fira": "ScaleByFira fira limited_growth scale_by_fira scaling",
        "jgd.optimizers.fromage": "Fromage fromage",
        "jgd.optimizers.ftrl": "Ftrl ftrl",
        "jgd.optimizers.galore": "ScaleByGalore galore galore_adamw scale_by_galore",
        "jgd.optimizers.grams": "ScaleByGrams grams scale_by_grams",
        "jgd.optimizers.gravity": "Gravity gravity",
        "jgd.optimizers.hessian_free": "HessianFree HessianFreeState hessian_free",
        "jgd.optimizers.hypergradient": (
            "HypergradientDescent HypergradientDescentState Osgm OsgmState hypergradient_descent osgm"
        ),
        "jgd.optimizers.kate": "ScaleByKate kate scale_by_kate",
        "jgd.optimizers.kl_shampoo": (
            "ScaleByKlShampoo ScaleByKlSoap kl_shampoo kl_soap scale_by_kl_shampoo scale_by_kl_soap"
        ),
        "jgd.optimizers.lamb": "ScaleByTrustRatio lamb scale_by_trust_ratio",
        "jgd.optimizers.laprop": "ScaleByLaprop laprop scale_by_laprop",
        "jgd.optimizers.lars": "lars",
        "jgd.optimizers.lbfgs": "ScaleByLBFGS lbfgs scale_by_lbfgs",
        "jgd.optimizers.lion": "ScaleByLion lion scale_by_lion",
        "jgd.optimizers.listing": "OptimizerList TransformEntry list",
        "jgd.optimizers.low_rank": "Projection ScaleByLowRankAdam projection_of scale_by_low_rank_adam",
        "jgd.optimizers.madgrad": "ScaleByMadgrad madgrad scale_by_madgrad",
        "jgd.optimizers.mars": "ScaleByMars mars scale_by_mars",
        "jgd.optimizers.mechanize": "Mechanize mechanize",
        "jgd.optimizers.momo": "Momo MomoAdam MomoAdamState momo momo_adam",
        "jgd.optimizers.msvag": "ScaleByMsvag msvag scale_by_msvag",
        "jgd.optimizers.muon": (
            "CorrectedMuonState MuonLabels OrthogonalMomentum ScaleByMuon ScaleByMuonState beside_adamw "
            "matrices_and_labels muon muon_labels scale_by_muon shape_factor"
        ),
        "jgd.optimizers.natural_gradient": "NaturalGradient NaturalGradientState natural_gradient",
        "jgd.optimizers.noisy_sgd": "dpsgd noisy_sgd",
        "jgd.optimizers.novograd": "ScaleByNovograd novograd scale_by_novograd",
        "jgd.optimizers.optimistic": (
            "ScaleByOptimisticGradient optimistic_adam optimistic_adam_v2 optimistic_gradient_descent "
            "scale_by_optimistic_gradient"
        ),
        "jgd.optimizers.padam": "ScaleByPadam padam scale_by_padam",
        "jgd.optimizers.pid": "ScaleByPid pid scale_by_pid",
        "jgd.optimizers.pnm": "ScaleByPnm pnm scale_by_pnm",
        "jgd.optimizers.polyak": "ScaleByPolyak polyak_sgd scale_by_polyak",
        "jgd.optimizers.prodigy": "Prodigy prodigy",
        "jgd.optimizers.proximal": "ProxAdam Proximal ProximalState prox_adam proximal",
        "jgd.optimizers.psgd_kron": "ScaleByKron psgd_kron scale_by_kron",
        "jgd.optimizers.quasi_hyperbolic": "ScaleByQhadam ScaleByQhm qhadam qhm scale_by_qhadam scale_by_qhm",
        "jgd.optimizers.racs": "ScaleByRacs racs scale_by_racs",
        "jgd.optimizers.radam": "ScaleByRadam radam rectification scale_by_radam",
        "jgd.optimizers.rmsprop": (
            "ScaleByRms ScaleByRmsWithCountState ScaleByStddev ScaleByStddevWithCountState rmsprop scale_by_rms "
            "scale_by_stddev"
        ),
        "jgd.optimizers.rprop": "ScaleByRprop rprop scale_by_rprop",
        "jgd.optimizers.sam": ("Asam Extragradient GradientThereState Normalize Sam asam extragradient normalize sam"),
        "jgd.optimizers.schedule_free": (
            "RectifiedRate ScaleByRectifiedRms ScheduleFree rectified_rate scale_by_rectified_rms schedule_free "
            "schedule_free_adamw schedule_free_radam schedule_free_sgd"
        ),
        "jgd.optimizers.scion": (
            "ScaleByScion ScaleByScionBias ScionBiasState ScionLabels scale_by_scion scale_by_scion_bias scion "
            "scion_labels"
        ),
        "jgd.optimizers.sgd": "gradient_descent heavy_ball nesterov sgd",
        "jgd.optimizers.sgd_sai": "ScaleBySgdSai scale_by_sgd_sai sgd_sai",
        "jgd.optimizers.shampoo": "ScaleByShampoo scale_by_shampoo shampoo",
        "jgd.optimizers.sign_sgd": "ScaleBySign ScaleBySignum scale_by_sign scale_by_signum sign_sgd signum tiger",
        "jgd.optimizers.sm3": "ScaleBySm3 scale_by_sm3 sm3",
        "jgd.optimizers.soap": "ScaleBySoap scale_by_soap soap",
        "jgd.optimizers.sophia": "ScaleBySophia scale_by_sophia sophia",
        "jgd.optimizers.splus": "DescendBySplus ScaleBySplus descend_by_splus scale_by_splus splus",
        "jgd.optimizers.stable_adamw": "ScaleByStableAdamw scale_by_stable_adamw stable_adamw",
        "jgd.optimizers.tam": "ScaleByTam scale_by_tam tam",
        "jgd.optimizers.yogi": "ScaleByYogi scale_by_yogi yogi",
    },
)
