"""The doctor: checks a data set before anyone trains on it, and proposes what is missing."""

from atrous.data.doctor.diagnose import Diagnosis, diagnose
from atrous.data.doctor.finding import Finding, Grade

__all__ = ["Diagnosis", "Finding", "Grade", "diagnose"]
