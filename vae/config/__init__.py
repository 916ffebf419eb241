"""The config of a run: its schema is registered with Hydra, its values are checked, and the result is typed."""

from vae.config.addresses import refuse_password, without_passwords, without_secrets
from vae.config.checks import check, check_number, check_study_name, remark
from vae.config.comparison import compare
from vae.config.factories import arguments_for, arguments_of, is_own, make_part, unknown_key
from vae.config.field_docs import describe
from vae.config.named_parts import NamedPart, named_parts
from vae.config.names import elsewhere, lookup, one_of, raised
from vae.config.registration import conf_dir, register
from vae.config.run_config import from_record, record_of, seen_from, settings_of, typed
from vae.config.schema import RunConfig
