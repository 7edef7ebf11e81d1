"""Every setting, typed, frozen and checked when the process starts; the only reader of the environment."""

import difflib
import os
import re
from base64 import b64decode
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import StartupError
from app.origins import fault_of_origin

PREFIX = "FLUXGATE_"
NEARLY = 0.93
# A host by its name, or all below one. An address of numbers is no name: its last part has a letter.
MEDIA_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?")

# A host without a port: a name, `*.` and a name, or an IP address; one of version 6 with or without brackets.
HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|[0-9a-f.]*:[0-9a-f:.]+|\[[0-9a-f:.]+\]")
SEED_BYTES = 32
BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[A-Za-z0-9._-]+)*/?")
HEADER_PAIR = re.compile(r" *[A-Za-z0-9-]+=[!-+\-.-~]+(?: [!-+\-.-~]+)*")
Days = Annotated[int, Field(ge=1, le=36_500)]


class Settings(BaseSettings):
    """The gateway's settings; each field is the variable `FLUXGATE_<NAME>`, see `docs/settings.md`.

    Durations are in seconds and sizes in bytes, as their names say. Secrets do not show in `repr`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
    )

    upstream_url: str = "https://api.quickrouter.ai"
    upstream_key: SecretStr | None = None
    upstream_profile: Literal["quickrouter", "fal"] = "quickrouter"
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    data_dir: Path = Path("data")
    public_url: str | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    admin_key: SecretStr | None = None
    key_pepper: SecretStr | None = None
    token_keys: SecretStr | None = None
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    session_seconds: PositiveInt = 43_200
    migrate_on_start: bool = True
    allow_unlisted_models: bool = False

    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    traces_url: str | None = None
    traces_headers: SecretStr | None = None
    traces_sample_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0

    body_limit_bytes: PositiveInt = 1_000_000
    image_body_limit_bytes: PositiveInt = 25_000_000
    bodies_limit_bytes: PositiveInt = 256_000_000
    upload_limit_bytes: PositiveInt = 25_000_000
    upload_team_limit_bytes: PositiveInt = 1_000_000_000
    upload_token_limit_bytes: PositiveInt = 100_000_000
    upload_ttl_seconds: PositiveInt = 86_400
    uploads_upstream: Literal["auto", "url", "data"] = "auto"
    header_limit_bytes: PositiveInt = 32_768
    client_head_timeout_seconds: PositiveFloat = 10.0
    client_body_timeout_seconds: PositiveFloat = 30.0
    waits_per_credential: PositiveInt = 5000
    bad_credentials_per_minute: PositiveInt = 1000
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()

    database_pool_size: PositiveInt = 8
    database_pooler: Literal["none", "transaction"] = "none"
    database_timeout_seconds: PositiveFloat = 5.0
    redis_timeout_seconds: PositiveFloat = 0.05
    group_commit_wait_seconds: Annotated[float, Field(ge=0, le=1)] = 0.002

    upstream_timeout_seconds: PositiveFloat = 15.0
    upstream_connect_timeout_seconds: PositiveFloat = 5.0
    upstream_connections: PositiveInt = 256
    upstream_webhooks: Literal["auto", "on", "off"] = "auto"
    upstream_jwks_url: str = "https://rest.fal.ai/.well-known/jwks.json"
    status_limit_bytes: PositiveInt = 1_000_000
    result_limit_bytes: PositiveInt = 20_000_000
    upstream_results_limit_bytes: PositiveInt = 60_000_000

    media_hosts: Annotated[tuple[str, ...], NoDecode] = ("fal.media", "*.fal.media")
    picture_limit_bytes: PositiveInt = 20_000_000
    picture_timeout_seconds: PositiveFloat = 30.0

    lease_seconds: PositiveFloat = 20.0
    unknown_patience_seconds: PositiveFloat = 600.0
    accepted_patience_seconds: PositiveFloat = 3600.0
    accepted_backlog_limit: PositiveInt = 1000
    accepted_slots: PositiveInt = 16
    job_deadline_seconds: PositiveFloat = 86_400.0
    cancel_patience_seconds: PositiveFloat = 900.0
    sync_wait_seconds: PositiveFloat = 600.0
    worker_slots: PositiveInt = 128
    worker_looks_per_second: PositiveInt = 2000
    result_memory_limit_bytes: PositiveInt = 64_000_000
    result_redis_ttl_seconds: PositiveInt = 3600
    answer_cache_seconds: Annotated[int, Field(ge=0)] = 3600
    result_grace_seconds: PositiveInt = 3600
    payload_days: Days | None = None
    job_days: Days | None = None
    image_days: Days | None = None
    delivery_days: Days = 30
    vault_url: str | None = None
    vault_s3_endpoint: str | None = None
    vault_s3_region: str | None = None
    vault_access_key: SecretStr | None = None
    vault_secret_key: SecretStr | None = None
    vault_link_seconds: PositiveInt = 86_400
    vault_slots: PositiveInt = 4
    webhook_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    webhook_signing_keys: SecretStr | None = None
    webhook_timeout_seconds: PositiveFloat = 15.0
    webhook_answer_limit_bytes: PositiveInt = 65_536
    webhook_slots: PositiveInt = 128
    webhook_slots_per_host: PositiveInt = 8
    webhook_results_limit_bytes: PositiveInt = 60_000_000
    stop_timeout_seconds: PositiveFloat = 20.0

    @field_validator("upstream_url", "public_url", "upstream_jwks_url", "vault_s3_endpoint", "traces_url")
    @classmethod
    def _is_base_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a URL like https://host or http://host:port")
        _check_port(value)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must not hold credentials, a query or a fragment")
        return value.rstrip("/")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if (fault := fault_of_origin(origin)) is not None:
                raise ValueError(f"`{origin}` {fault}")
        return value

    @field_validator("media_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(host.strip() for host in value.split(",") if host.strip())
        return value

    @field_validator("media_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not MEDIA_HOST.fullmatch(host):
                raise ValueError(
                    f"`{host}` must be a host like fal.media, or *.fal.media for all below it, in lower case"
                )
        return value

    @field_validator("webhook_allowed_hosts", mode="before")
    @classmethod
    def _split_webhook_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(host.strip().lower() for host in value.split(",") if host.strip())
        return value

    @field_validator("webhook_allowed_hosts")
    @classmethod
    def _are_webhook_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not HOST.fullmatch(host):
                raise ValueError(f"`{host}` is not a host name, `*.` and a host name, or an IP address")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(network.strip() for network in value.split(",") if network.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(f"`{network}` is not an IP address, nor a network like 10.0.0.0/8") from None
        return value

    @field_validator("webhook_signing_keys")
    @classmethod
    def _are_seeds(cls, value: SecretStr | None) -> SecretStr | None:
        for key in [] if value is None else value.get_secret_value().split(","):
            try:
                seed = b64decode(key, validate=True)
            except ValueError:
                seed = b""
            if len(seed) != SEED_BYTES:
                raise ValueError(
                    f"must be {SEED_BYTES} bytes in base64 each, with one comma between two of them"
                )
        return value

    @field_validator("traces_headers")
    @classmethod
    def _are_headers(cls, value: SecretStr | None) -> SecretStr | None:
        for pair in [] if value is None else value.get_secret_value().split(","):
            if not HEADER_PAIR.fullmatch(pair):
                raise ValueError("must be name=value, with one comma between two of them")
        return value

    @field_validator("token_keys")
    @classmethod
    def _has_no_blanks(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not all(key.strip() for key in value.get_secret_value().split(",")):
            raise ValueError("holds a blank entry; write the secrets with one comma between two of them")
        return value

    @field_validator("upstream_key", "admin_key", "key_pepper")
    @classmethod
    def _is_header_safe(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        secret = value.get_secret_value()
        if not secret.isascii() or not secret.isprintable() or " " in secret:
            raise ValueError("must be printable ASCII without spaces")
        return value

    @field_validator("vault_url")
    @classmethod
    def _is_bucket(cls, value: str | None) -> str | None:
        if value is not None and not BUCKET.fullmatch(value):
            raise ValueError("must be s3://BUCKET or s3://BUCKET/PREFIX")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("postgresql", "postgres", "postgresql+asyncpg")
        if value is not None:
            if urlsplit(value.get_secret_value()).scheme not in schemes:
                raise ValueError("must start with postgresql:// or postgresql+asyncpg://")
            _check_port(value.get_secret_value())
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            if urlsplit(value.get_secret_value()).scheme not in ("redis", "rediss", "unix"):
                raise ValueError("must start with redis://, rediss:// or unix://")
            _check_port(value.get_secret_value())
        return value

    @property
    def largest_body_bytes(self) -> int:
        """The largest body that a caller may send."""
        return max(self.body_limit_bytes, self.image_body_limit_bytes, self.upload_limit_bytes)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.lease_seconds <= self.upstream_timeout_seconds:
            raise ValueError(
                f"{PREFIX}LEASE_SECONDS must be larger than {PREFIX}UPSTREAM_TIMEOUT_SECONDS, "
                "or a second worker takes a job while the first still waits for the upstream"
            )
        if self.bodies_limit_bytes < self.largest_body_bytes:
            raise ValueError(
                f"{PREFIX}BODIES_LIMIT_BYTES must not be smaller than {PREFIX}BODY_LIMIT_BYTES, "
                f"{PREFIX}IMAGE_BODY_LIMIT_BYTES and {PREFIX}UPLOAD_LIMIT_BYTES, or there is never room for "
                "such a body"
            )
        if self.upstream_results_limit_bytes < self.result_limit_bytes:
            raise ValueError(
                f"{PREFIX}UPSTREAM_RESULTS_LIMIT_BYTES must not be smaller than {PREFIX}RESULT_LIMIT_BYTES, "
                f"or there is never room for such a result: set it to {self.result_limit_bytes} or more"
            )
        if (self.vault_access_key is None) != (self.vault_secret_key is None):
            raise ValueError(f"{PREFIX}VAULT_ACCESS_KEY and {PREFIX}VAULT_SECRET_KEY go together")
        if self.upstream_webhooks == "on" and self.upstream_profile != "fal":
            raise ValueError(f"{PREFIX}UPSTREAM_WEBHOOKS: only an upstream of the profile `fal` calls back")
        return self


def load_settings(**overrides: object) -> Settings:
    """Reads the settings from the environment and `.env`; the overrides win.

    Raises:
        StartupError: a setting is wrong; the one line names its variable and never its secret value.
    """
    _refuse_misspelt(os.environ)
    try:
        return Settings(**overrides)  # type: ignore[arg-type] # fields are checked by pydantic
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else ""
        raise StartupError(f"{name}: {message}" if name else message) from None


def _check_port(url: str) -> None:
    """The standard library reads the port only when it is asked for, and quotes what it cannot read."""
    try:
        is_port = urlsplit(url).port is None or urlsplit(url).port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise ValueError("must have a port between 1 and 65535, or none")


def _refuse_misspelt(names: Iterable[str]) -> None:
    """A name that is nearly one of ours was meant to be it, and in silence the default would count.

    Others with our prefix are let be: a newer or an older release may know them.
    """
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in names:
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=NEARLY)
            if near:
                raise StartupError(f"{name}: there is no such setting; did you mean {near[0]}?")
