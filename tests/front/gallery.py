"""A small server that shows every part under the real policy: python -m tests.front.gallery."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import qrcode
import qrcode.image.svg
from flask import Flask, jsonify, render_template, request
from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
PAGES = {
    "web.preferences": "/preferences",
    "members.home": "/",
    "members.me": "/me",
    "members.sign_in": "/sign-in",
    "members.sign_out": "/sign-out",
    "checkin.scan": "/scan",
    "passbook.passbook": "/passbook",
    "activities.index": "/activities",
    "activities.plan_form": "/activities/new",
    "members.index": "/people",
    "shop.shops": "/shops",
    "shop.index": "/shop",
    "shop.statement_list": "/statements",
    "shop.counter": "/counter",
    "credits.desk": "/desk",
    "spotchecks.index": "/spot-checks",
    "sheets.index": "/sheets",
    "judging.index": "/panel",
    "thanks.reported": "/thanks/reported",
    "board.board": "/board",
    "vitals.show": "/health",
    "vitals.forecast": "/health/forecast",
    "vitals.offers": "/offers",
    "rulebook.show": "/rules",
    "rulebook.index": "/desk/rules",
    "health.show": "/desk/health",
    "health.escalations": "/audit/objections",
    "deeds.index": "/deeds",
    "services.desk": "/desk/help",
    "giving.desk": "/desk/giving",
}


def qr_svg(text: str) -> Markup:
    """Draw `text` with a quiet zone of four modules, as the server will."""
    code = qrcode.QRCode(border=4, image_factory=qrcode.image.svg.SvgPathImage)
    code.add_data(text)
    out = io.BytesIO()
    code.make_image().save(out)
    return Markup(out.getvalue().decode().split("?>", 1)[-1])  # noqa: S704 - our own drawing


def _viewer(kind: str) -> SimpleNamespace | None:
    if kind == "nobody":
        return None
    roles = {"resident"} | ({"coordinator", "shopkeeper"} if kind == "staff" else set())
    return SimpleNamespace(name="李秀英", public_id="Q7X2 M4K9", roles=roles)


def create_gallery() -> Flask:
    """Make the stand-in server; `?as=nobody|member|staff&elder=1&lang=en` choose who looks and how."""
    app = Flask(
        __name__,
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
        static_url_path="/static",
    )
    app.secret_key = "gallery"
    app.jinja_loader = ChoiceLoader(  # type: ignore[assignment]
        [FileSystemLoader(ROOT / "templates"), FileSystemLoader(Path(__file__).parent / "pages")]
    )
    app.jinja_env.add_extension("jinja2.ext.i18n")
    english = {
        "首页": "Home",
        "活动": "Activities",
        "扫码": "Scan",
        "存折": "Passbook",
        "我的": "Me",
        "大字": "Larger",
        "标准字": "Normal",
        "菜单": "Menu",
        "返回": "Back",
        "登录": "Sign in",
        "道德银行": "Moral Bank",
        "打开摄像头": "Open the camera",
        "拍照识别": "Read from a photo",
        "我要帮忙": "I can help",
        "我要求助": "I need help",
        "我的存折": "My passbook",
        "签到": "Check in",
        "签退": "Check out",
        "可用时长": "Hours to spend",
        "累计服务": "Hours served",
        "小时": "hours",
        "撤销": "Undo",
        "上一页": "Previous page",
        "下一页": "Next page",
    }

    def translate(text: str) -> str:
        return english.get(text, text) if request.args.get("lang") == "en" else text

    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        translate, lambda one, many, n: one if n == 1 else many, newstyle=True
    )

    def static_url(name: str) -> str:
        digest = hashlib.sha256((ROOT / "static" / name).read_bytes()).hexdigest()[:8]
        return f"/static/{name}?v={digest}"

    app.jinja_env.globals.update(
        static_url=static_url, csrf_token=lambda: "gallery-token", form_key=lambda: uuid4().hex, qr_svg=qr_svg
    )

    @app.context_processor
    def _stand_ins() -> dict[str, Any]:
        return {
            "viewer": _viewer(request.args.get("as", "member")),
            "lang": request.args.get("lang", "zh-CN"),
            "is_elder": request.args.get("elder") == "1",
        }

    @app.after_request
    def _policy(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Permissions-Policy"] = "camera=(self), geolocation=(self), microphone=()"
        return response

    for endpoint, rule in PAGES.items():
        app.add_url_rule(rule, endpoint, _page, methods=["GET", "POST"])
    for name in ("check-ins", "x"):
        app.add_url_rule(f"/{name}", name, _page, methods=["GET", "POST"])
    app.add_url_rule("/gallery/<name>", "gallery", _page, methods=["GET", "POST"])
    _answers(app)
    return app


def _page(name: str | None = None) -> str:
    name = name or request.path.strip("/").split("/")[0] or "home"
    known = (Path(__file__).parent / "pages" / f"{name}.html").exists()
    return render_template(f"{name}.html" if known else "landed.html", name=name)


def _answers(app: Flask) -> None:
    """The JSON the modules talk to, and the pages a scan lands on."""
    app.scans = []  # type: ignore[attr-defined]

    @app.get("/s/<code>")
    @app.get("/v/<code>")
    def landing(code: str) -> str:
        return render_template("landing.html" if request.path.startswith("/s/") else "landed.html", name=code)

    @app.post("/gallery/card-scans")
    def card_scan() -> Any:
        asked = request.get_json()
        app.scans.append((asked, request.headers.get("X-CSRFToken")))  # type: ignore[attr-defined]
        if "/s/P1" not in asked["card"]:
            return jsonify(
                ok=False,
                status="error",
                name="",
                title="不是居民码",
                detail="请扫居民卡或手机上的“我的码”",
                sound="error",
            ), 409
        status = "already" if sum(a["card"] == asked["card"] for a, _ in app.scans) > 1 else asked["direction"]  # type: ignore[attr-defined]
        return jsonify(
            ok=True,
            status=status,
            name="李秀英",
            title={"in": "已签到", "out": "已签退"}.get(status, "签到过了"),
            detail="14:02 · 楼道清洁",
            sound="attention" if status == "already" else "ok",
        )

    @app.get("/gallery/codes")
    def codes() -> Any:
        now = time.time()
        first = int(now // 15)
        count = int(request.args.get("n", 40))
        return jsonify(
            server_now=now,
            step_s=15,
            codes=[
                {
                    "offset_ms": round((step * 15 - now) * 1000),
                    "six": f"{step * 7919 % 10**6:06d}",
                    "url": f"{request.host_url}s/R17K2M9QXCA{step:05d}823KG6E7XEF37V8",
                }
                for step in range(first, first + count)
            ],
        )

    @app.get("/manifest.webmanifest")
    def manifest() -> Any:
        return app.send_static_file("manifest.json")

    @app.get("/gallery/count")
    def head_count() -> Any:
        return jsonify(present=12, done=3, expected=18)


if __name__ == "__main__":
    create_gallery().run(port=8123, debug=False)  # a maintainer's tool
