"""Mitigation in training: constrained estimators."""

from fairlearnkit.inprocessing._asymmetric_loss import AsymmetricLossClassifier
from fairlearnkit.inprocessing._decision_tree import FairDecisionTreeClassifier
from fairlearnkit.inprocessing._decoupled import DecoupledClassifier
from fairlearnkit.inprocessing._decoupled_regressor import DecoupledRegressor
from fairlearnkit.inprocessing._economic_report import EconomicReport, economic_report
from fairlearnkit.inprocessing._fair_boosting import FairGradientBoostingClassifier
from fairlearnkit.inprocessing._group_dro import GroupDROClassifier
from fairlearnkit.inprocessing._group_dro_regressor import GroupDRORegressor
from fairlearnkit.inprocessing._leaf_relabeling import LeafRelabelingClassifier
from fairlearnkit.inprocessing._linear_fractional import LinearFractionalClassifier
from fairlearnkit.inprocessing._linear_means import MeanParityRegressor
from fairlearnkit.inprocessing._linear_pairs import PairwiseFairRegressor
from fairlearnkit.inprocessing._linear_regression import FairLinearRegression
from fairlearnkit.inprocessing._linear_svc import FairLinearSVC
from fairlearnkit.inprocessing._logistic import FairLogisticRegression
from fairlearnkit.inprocessing._minimax import MinimaxFairClassifier
from fairlearnkit.inprocessing._minimax_regressor import MinimaxFairRegressor
from fairlearnkit.inprocessing._naive_bayes import FairNaiveBayes
from fairlearnkit.inprocessing._parity_regressor import DemographicParityRegressor
from fairlearnkit.inprocessing._poisson import FairPoissonRegressor
from fairlearnkit.inprocessing._prejudice_remover import PrejudiceRemover
from fairlearnkit.inprocessing._reduction import ReductionClassifier
from fairlearnkit.inprocessing._reduction_frontier import ReductionFrontier
from fairlearnkit.inprocessing._reduction_regressor import ReductionRegressor
from fairlearnkit.inprocessing._subgroup_auditor import SubgroupAudit, audit_subgroups
from fairlearnkit.inprocessing._subgroup_fair import SubgroupFairClassifier

__all__ = [
    "AsymmetricLossClassifier",
    "DecoupledClassifier",
    "DecoupledRegressor",
    "DemographicParityRegressor",
    "EconomicReport",
    "FairDecisionTreeClassifier",
    "FairGradientBoostingClassifier",
    "FairLinearRegression",
    "FairLinearSVC",
    "FairLogisticRegression",
    "FairNaiveBayes",
    "FairPoissonRegressor",
    "GroupDROClassifier",
    "GroupDRORegressor",
    "LeafRelabelingClassifier",
    "LinearFractionalClassifier",
    "MeanParityRegressor",
    "MinimaxFairClassifier",
    "MinimaxFairRegressor",
    "PairwiseFairRegressor",
    "PrejudiceRemover",
    "ReductionClassifier",
    "ReductionFrontier",
    "ReductionRegressor",
    "SubgroupAudit",
    "SubgroupFairClassifier",
    "audit_subgroups",
    "economic_report",
]
