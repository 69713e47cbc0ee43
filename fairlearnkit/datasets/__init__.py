"""Public data sets with known groups: embedded, fetched and checked, or generated.

Every function returns a Bunch as scikit-learn's do, with the usual sensitive columns
under ``sensitive_features`` and the source, licence and known problems under ``DESCR``.
"""

from fairlearnkit.datasets._acs import fetch_acs_income
from fairlearnkit.datasets._adult import load_adult
from fairlearnkit.datasets._bank import load_bank_marketing
from fairlearnkit.datasets._communities import load_communities_crime
from fairlearnkit.datasets._compas import fetch_compas
from fairlearnkit.datasets._fico import load_fico
from fairlearnkit.datasets._generator import make_biased_classification
from fairlearnkit.datasets._german import load_german_credit

__all__ = [
    "fetch_acs_income",
    "fetch_compas",
    "load_adult",
    "load_bank_marketing",
    "load_communities_crime",
    "load_fico",
    "load_german_credit",
    "make_biased_classification",
]
