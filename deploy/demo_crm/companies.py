"""The three companies of the demo: a Russian wholesaler, an American supplier and a young company in Almaty.

Numbers are chosen so that the reports look like those of a real company of that size in that place.
"""

from __future__ import annotations

from deploy.demo_crm.profile import (
    CurrencyProfile,
    DepartmentProfile,
    PipelineProfile,
    SourceProfile,
    StageProfile,
    TenantProfile,
)

_NEW_YEAR_HOLIDAYS = [(1, day) for day in range(1, 9)]
_RUSSIAN_HOLIDAYS = frozenset([*_NEW_YEAR_HOLIDAYS, (2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4)])
_AMERICAN_HOLIDAYS = frozenset([(1, 1), (7, 4), (11, 27), (11, 28), (12, 25)])
_KAZAKH_HOLIDAYS = frozenset(
    [(1, 1), (1, 2), (1, 7), (3, 8), (3, 21), (3, 22), (3, 23), (5, 1), (5, 7), (5, 9), (12, 16)]
)

VOLGA = TenantProfile(
    id="volga",
    name="ООО «Волга Торг»",
    timezone="Europe/Moscow",
    currency="RUB",
    locale="ru",
    share=0.62,
    months=36,
    monthly_growth=0.011,
    season=(0.72, 0.92, 1.04, 1.03, 0.86, 0.95, 0.86, 0.92, 1.08, 1.12, 1.26, 1.24),
    pace=(1.5, 1.1, 1.0, 1.0, 1.15, 1.0, 1.05, 1.05, 1.0, 1.0, 0.88, 0.7),
    holidays=_RUSSIAN_HOLIDAYS,
    conversion=0.31,
    pipelines=(
        PipelineProfile(
            name="Оптовые продажи",
            stages=(
                StageProfile("new", "Новая", "open", 5),
                StageProfile("qualified", "Квалификация", "open", 15),
                StageProfile("proposal", "Коммерческое предложение", "open", 35),
                StageProfile("negotiation", "Переговоры", "open", 55),
                StageProfile("contract", "Договор", "open", 80),
                StageProfile("won", "Успешно реализована", "won", 100),
                StageProfile("paid", "Оплачена", "won", 100),
                StageProfile("lost", "Отказ", "lost", 0),
            ),
            share=0.66,
            win_rate=0.25,
            amount=185_000,
            spread=0.85,
            cycle_days=26,
        ),
        PipelineProfile(
            name="Сервис и монтаж",
            stages=(
                StageProfile("new", "Заявка", "open", 10),
                StageProfile("visit", "Выезд инженера", "open", 30),
                StageProfile("proposal", "Смета", "open", 50),
                StageProfile("contract", "Согласование", "open", 75),
                StageProfile("won", "Выполнена", "won", 100),
                StageProfile("lost", "Отменена", "lost", 0),
            ),
            share=0.34,
            win_rate=0.31,
            amount=48_000,
            spread=0.7,
            cycle_days=15,
        ),
    ),
    sources=(
        SourceProfile("Сайт", "online", 0.19, 1.0),
        SourceProfile("сайт ", "online", 0.04, 1.0),
        SourceProfile("Website", "online", 0.02, 0.95),
        SourceProfile("web-site", None, 0.02, 0.95),
        SourceProfile("Яндекс.Директ", "online", 0.17, 0.72),
        SourceProfile("ВКонтакте", "online", 0.08, 0.5),
        SourceProfile("Рекомендация", "referral", 0.11, 1.75),
        SourceProfile("Партнёры", "partner", 0.08, 1.35),
        SourceProfile("Холодный звонок", "outbound", 0.13, 0.42),
        SourceProfile("Выставка «Металл-Экспо»", "offline", 0.06, 0.9),
        SourceProfile("Тендерная площадка", None, 0.05, 0.8),
        SourceProfile("unknown", None, 0.03, 0.7),
    ),
    departments=(
        DepartmentProfile("Коммерческий департамент", 0),
        DepartmentProfile("Отдел оптовых продаж", 9, "Коммерческий департамент"),
        DepartmentProfile("Отдел по работе с ключевыми клиентами", 5, "Коммерческий департамент"),
        DepartmentProfile("Отдел региональных продаж", 6, "Коммерческий департамент"),
        DepartmentProfile("Сервисный центр", 4),
    ),
    language="ru",
    other_language_share=0.05,
    vocabulary="russia",
    currencies=(
        CurrencyProfile("CNY", 11.6, 0.006, 0.05, gap_months_ago=8, gap_days=24),
        CurrencyProfile("USD", 84.0, 0.007, 0.04),
    ),
)

HUDSON = TenantProfile(
    id="hudson",
    name="Hudson Supply Co.",
    timezone="America/New_York",
    currency="USD",
    locale="en",
    share=0.32,
    months=36,
    monthly_growth=0.008,
    season=(0.9, 0.93, 1.05, 1.02, 1.02, 1.0, 0.88, 0.93, 1.06, 1.09, 1.04, 0.95),
    pace=(1.1, 1.05, 0.95, 1.0, 1.0, 0.95, 1.1, 1.1, 0.95, 1.0, 0.97, 0.82),
    holidays=_AMERICAN_HOLIDAYS,
    conversion=0.27,
    pipelines=(
        PipelineProfile(
            name="New business",
            stages=(
                StageProfile("new", "New", "open", 5),
                StageProfile("qualified", "Qualified", "open", 20),
                StageProfile("demo", "Product demo", "open", 35),
                StageProfile("proposal", "Proposal sent", "open", 55),
                StageProfile("negotiation", "Negotiation", "open", 75),
                StageProfile("won", "Closed won", "won", 100),
                StageProfile("lost", "Closed lost", "lost", 0),
            ),
            share=0.38,
            win_rate=0.22,
            amount=4_800,
            spread=0.9,
            cycle_days=34,
        ),
        PipelineProfile(
            name="Renewals and expansion",
            stages=(
                StageProfile("new", "Up for renewal", "open", 30),
                StageProfile("proposal", "Quote sent", "open", 55),
                StageProfile("qualified", "Budget confirmed", "open", 70),
                StageProfile("negotiation", "Paperwork", "open", 85),
                StageProfile("won", "Renewed", "won", 100),
                StageProfile("paid", "Invoice paid", "won", 100),
                StageProfile("lost", "Not renewed", "lost", 0),
            ),
            share=0.45,
            win_rate=0.33,
            amount=2_900,
            spread=0.75,
            cycle_days=21,
            repeat_only=True,
        ),
        PipelineProfile(
            name="Channel partners",
            stages=(
                StageProfile("new", "Partner referral", "open", 10),
                StageProfile("qualified", "Joint call held", "open", 30),
                StageProfile("proposal", "Partner quote", "open", 50),
                StageProfile("contract", "Contract review", "open", 70),
                StageProfile("won", "Won", "won", 100),
                StageProfile("lost", "Lost", "lost", 0),
            ),
            share=0.17,
            win_rate=0.25,
            amount=11_500,
            spread=0.8,
            cycle_days=45,
        ),
    ),
    sources=(
        SourceProfile("Website", "online", 0.2, 1.0),
        SourceProfile("web-site", "online", 0.03, 1.0),
        SourceProfile("WEBSITE", None, 0.02, 1.0),
        SourceProfile("Google Ads", "online", 0.19, 0.7),
        SourceProfile("LinkedIn", "online", 0.11, 0.8),
        SourceProfile("Referral", "referral", 0.1, 1.8),
        SourceProfile("referral ", "referral", 0.01, 1.8),
        SourceProfile("Partner", "partner", 0.09, 1.4),
        SourceProfile("Trade show", "offline", 0.07, 1.0),
        SourceProfile("Cold call", "outbound", 0.14, 0.4),
        SourceProfile("unknown", None, 0.04, 0.7),
    ),
    departments=(
        DepartmentProfile("Sales", 0),
        DepartmentProfile("East Region", 5, "Sales"),
        DepartmentProfile("West Region", 4, "Sales"),
        DepartmentProfile("Inside Sales", 4, "East Region"),
        DepartmentProfile("Customer Success", 3),
    ),
    language="en",
    other_language_share=0.06,
    vocabulary="america",
    currencies=(CurrencyProfile("EUR", 1.08, 0.004, 0.07),),
)

ALATAU = TenantProfile(
    id="alatau",
    name="ТОО «Алатау Трейд»",
    timezone="Asia/Almaty",
    currency="KZT",
    locale="ru",
    share=0.06,
    months=10,
    monthly_growth=0.06,
    season=(0.85, 0.95, 0.9, 1.02, 0.95, 1.0, 0.95, 0.97, 1.05, 1.08, 1.12, 1.15),
    pace=(1.3, 1.1, 1.1, 1.0, 1.1, 1.0, 1.0, 1.0, 1.0, 1.0, 0.95, 0.8),
    holidays=_KAZAKH_HOLIDAYS,
    conversion=0.24,
    pipelines=(
        PipelineProfile(
            name="Продажи",
            stages=(
                StageProfile("new", "Новая", "open", 10),
                StageProfile("qualified", "Интерес подтверждён", "open", 25),
                StageProfile("proposal", "Предложение", "open", 50),
                StageProfile("invoice", "Счёт выставлен", "open", 80),
                StageProfile("won", "Успешно", "won", 100),
                StageProfile("lost", "Потеряна", "lost", 0),
            ),
            share=1.0,
            win_rate=0.22,
            amount=690_000,
            spread=0.8,
            cycle_days=18,
        ),
    ),
    sources=(
        SourceProfile("Instagram", "online", 0.34, 0.7),
        SourceProfile("2ГИС", "online", 0.2, 1.1),
        SourceProfile("Сайт", "online", 0.2, 1.0),
        SourceProfile("Рекомендация", "referral", 0.14, 1.7),
        SourceProfile("Звонок с улицы", None, 0.12, 0.9),
    ),
    departments=(DepartmentProfile("Отдел продаж", 5),),
    language="ru",
    other_language_share=0.0,
    vocabulary="kazakhstan",
    currencies=(CurrencyProfile("RUB", 5.9, 0.006, 0.06),),
)

TENANTS = (VOLGA, HUDSON, ALATAU)
