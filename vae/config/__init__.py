"""The config of a run: its schema is registered with Hydra, its values are checked, and the result is typed."""

from vae.config.addresses import refuse_password, without_passwords, without_secrets
from vae.config.checks import check, check_number, check_study_name, remark
from vae.config.comparison import compare
from vae.config.field_docs import describe
from vae.config.names import elsewhere, lookup, make, one_of, raised
from vae.config.registration import conf_dir, register
from vae.config.run_config import arguments_of, from_record, record_of, seen_from, settings_of, typed
from vae.config.schema import RunConfig
