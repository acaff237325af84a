"""The composition root: configuration from the environment, the application, its slices and commands."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request
from flask_compress import Compress
from flask_migrate import Migrate
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import inspect, select
from werkzeug.middleware.proxy_fix import ProxyFix

from bank import api, cli, db
from bank.activities import telling as activity_telling
from bank.activities import views as activities
from bank.audit import health_views as health
from bank.audit import views as audit
from bank.board import views as board
from bank.checkin import rules as checkin_rules
from bank.checkin import venue_views as venue
from bank.checkin import views as checkin
from bank.communities.models import Community
from bank.credits import dispute_views as disputes
from bank.credits import flags, history, signals
from bank.credits import notice_views as notices
from bank.credits import views as credits_desk
from bank.deeds import judging_views as judging
from bank.deeds import rules as deed_rules
from bank.deeds import views as deeds
from bank.deeds import witness_views as witness
from bank.giving import bonds
from bank.giving import card_views as cards
from bank.giving import dormant_views as dormant
from bank.giving import farewell_views as farewells
from bank.giving import rules as giving_rules
from bank.giving import views as giving
from bank.log import views as log
from bank.members import login
from bank.members import views as members
from bank.models import metadata
from bank.passbook import proxy_views
from bank.passbook import views as passbook
from bank.rulebook import views as rulebook
from bank.services import again as services_again
from bank.services import desk_views as services_desk
from bank.services import door_views as services_doors
from bank.services import rules as help_rules
from bank.services import signs
from bank.services import telling as help_telling
from bank.services import views as services
from bank.services import visit_views as services_visits
from bank.sheets import rules as sheet_rules
from bank.sheets import views as sheets
from bank.shop import counter as shop_counter
from bank.shop import queue_views as shop_queue
from bank.shop import shelves as shop_shelves
from bank.shop import statement_views as shop_statements
from bank.shop import stocktaking_views as shop_stocktaking
from bank.shop import strike_views as shop_strikes
from bank.shop import views as shop
from bank.spotchecks import telling as check_telling
from bank.spotchecks import views as spotchecks
from bank.thanks import views as thanks
from bank.vitals import sources
from bank.vitals import views as vitals
from bank.web import api as web_api
from bank.web import docs, errors, headers, i18n, pages
from bank.web import views as web
from bank.web.app import BankApp

ROOT = Path(__file__).resolve().parent
MEGABYTE = 1024 * 1024
PAGES = (
    web,
    docs,
    members,
    credits_desk,
    notices,
    disputes,
    activities,
    checkin,
    venue,
    shop,
    shop_counter,
    shop_shelves,
    shop_queue,
    shop_statements,
    shop_strikes,
    shop_stocktaking,
    passbook,
    proxy_views,
    board,
    audit,
    health,
    deeds,
    judging,
    witness,
    thanks,
    services,
    services_visits,
    services_doors,
    services_desk,
    services_again,
    giving,
    cards,
    farewells,
    dormant,
    sheets,
    log,
    spotchecks,
    rulebook,
    vitals,
)
"""Modules of pages; a slice's modules may share one blueprint."""

csrf = CSRFProtect()


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Build the application from the environment; `overrides` replace single settings."""
    app = BankApp(__name__)
    app.config.update(_settings(os.environ))
    app.config.update(overrides or {})
    _read_secrets(app)
    _behind_proxy(app)
    db.init(app)
    _keep_demo_out_of_production(app)
    Migrate(app, db.db, directory=str(ROOT / "migrations"))
    Compress(app)
    i18n.init(app)
    csrf.init_app(app)
    app.before_request(_guard_forms)
    login.init(app)
    errors.init(app)
    headers.init(app)
    pages.init(app)
    for blueprint in dict.fromkeys(module.pages for module in PAGES):
        app.register_blueprint(blueprint)
    root = web_api.init(app)
    for blueprint in api.BLUEPRINTS:
        root.register_blueprint(blueprint)
    docs.finish(root)
    sources.SOURCES.first_spent["services"] = help_telling.first_spent
    sources.SOURCES.wanted["services"] = help_telling.wanted
    sources.SOURCES.met["services"] = help_telling.met
    history.know("activities", activity_telling.declared)
    history.know("spotchecks", check_telling.told_of)
    for rules in (checkin_rules, deed_rules, help_rules, signals, sheet_rules, giving_rules):
        flags.know(rules.FLAG_SENTENCES)
    signs.know("relatives", bonds.between)
    app.jinja_env.globals.update(cases_waiting=judging.count_waiting, thanks_reported=thanks.count_reported)
    app.jinja_env.globals.update(help_waiting=services_desk.count_waiting)
    cli.init(app)
    return app


def _settings(environment: Mapping[str, str]) -> dict[str, Any]:
    data = Path(environment.get("DATA_DIR") or ROOT / "data")
    public_url = environment.get("PUBLIC_URL", "").rstrip("/")
    is_https = public_url.startswith("https://")
    return {
        "DATA_DIR": data,
        "DATABASE_URL": environment.get("DATABASE_URL") or f"sqlite:///{data / 'bank.db'}",
        "DEMO_PASSWORD": environment.get("DEMO_PASSWORD") or "moral-bank-demo",
        "LOG_KEY": environment.get("LOG_KEY", ""),
        "BANK_ENV": environment.get("BANK_ENV", ""),
        "PUBLIC_URL": public_url,
        "TRUSTED_PROXIES": int(environment.get("TRUSTED_PROXIES") or 0),
        "MAX_CONTENT_LENGTH": 8 * MEGABYTE,
        "MAX_FORM_MEMORY_SIZE": MEGABYTE,
        "MAX_FORM_PARTS": 100,
        "PERMANENT_SESSION_LIFETIME": timedelta(days=90),
        "SESSION_COOKIE_NAME": "__Host-session" if is_https else "session",
        "SESSION_COOKIE_SECURE": is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_CHECK_DEFAULT": False,
        "WTF_CSRF_SSL_STRICT": False,
        "COMPRESS_ALGORITHM": ["br", "gzip"],
        "COMPRESS_BR_LEVEL": 5,
    }


def _read_secrets(app: Flask) -> None:
    """Take the keys from the environment, or from files made at first start that only we may read."""
    folder: Path = app.config["DATA_DIR"]
    for name in ("SECRET_KEY", "CODE_KEY"):
        app.config[name] = app.config.get(name) or os.environ.get(name) or _secret_file(folder / name.lower())


def _secret_file(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return path.read_text()


def _keep_demo_out_of_production(app: Flask) -> None:
    """Refuse to start where BANK_ENV says production and the database is a demo, whose password everybody knows."""
    if app.config["BANK_ENV"] != "production":
        return
    with app.app_context():
        has_tables = inspect(db.db.engine).has_table("community")
        if has_tables and db.session().scalar(select(Community.id).where(Community.is_demo)) is not None:
            raise RuntimeError("BANK_ENV is production, and this database holds a demo community: use an empty one")
        db.drop()


def _behind_proxy(app: Flask) -> None:
    hops = app.config["TRUSTED_PROXIES"]
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def _guard_forms() -> None:
    """Check the CSRF token of every page form; programs carry a bearer token and no cookie instead."""
    if current_app.config["WTF_CSRF_ENABLED"] and not request.path.startswith("/api/"):
        csrf.protect()


__all__ = ["create_app", "metadata"]
