"""The same word classes in other languages: an order to read a key is an order in any of them.

`LATIN` lists whole words of Spanish, Portuguese, French, German and Italian that are not also English words.
`STEMS` lists the
beginnings of inflected words (Russian, and accented Latin forms). `CJK_CLASS` lists Chinese, Japanese and Korean
words, found
inside runs without blanks. Word order differs in these languages; `rules/other_languages.py` therefore asks only
which
classes meet in a sentence.
"""

from __future__ import annotations

import re
from functools import cache

LATIN: dict[str, str] = {
    "USER": (
        "gebruiker kullanıcıya kullanıcı użytkownikowi użytkownika użytkownik pengguna usuario usuarios "
        "utilisateur utilisateurs benutzer nutzer anwender usuário utente utenti benutzers nutzern kunde "
        "kunden benutzerin anwenders klant cliente clientes client"
    ),
    "MUST": (
        "moet moeten musisz należy gerekir zorunlu harus wajib debes deben debe obligatorio tienes "
        "debería devez "
        "dois doit doivent obligatoire musst müssen muss müsst erforderlich zwingend deve devem "
        "obrigatório devi "
        "dovete obbligatorio|il faut|tienes que|hay que|bisogna"
    ),
    "ALWAYS": (
        "siempre toujours immer stets sempre jedes automatisch automáticamente automatiquement sempre|cada "
        "vez|chaque fois|jedes mal"
    ),
    "NOT": (
        "niet nooit nigdy söyleme belirtme jangan nie nunca jamás ne jamais pas nicht nichts niemals kein "
        "keine não non "
        "mai|no debes|sin que|ohne dass"
    ),
    "WITHOUT": "sans ohne senza sem",
    "BEFORE": ("voordat przed önce sebelum antes avant bevor prima vor bevor|antes de|avant de|avant toute|prima di"),
    "WHEN": "cuando quand lorsque wenn sobald quando",
    "FIRST": "primero premièrement zuerst zunächst primeiro anzitutto|d'abord",
    "CALL": (
        "gebruik użyciem użyj kullanmadan kullanın gunakan usar llamar llame llama utilice utilizar appeler "
        "appelez appelle utiliser utilisez verwenden verwende aufrufen nutzen chamar usa usare chiamare chiama "
        "invoca invoque rufe ruf"
    ),
    "RUN": "ejecutar ejecute ejecuta exécuter exécutez exécute ausführen führe executar esegui eseguire",
    "READ": (
        "lees openen przeczytaj odczytaj oku okuyun baca leer lea lee lire lisez lis lies lesen ler leia "
        "leggi leggere abrir ouvrir öffne acceder accéder accédez extraer obtener recuperar récupérer "
        "récupérez hole sammle sammeln suche durchsuche hole auslesen öffnen recopila recoge collectez "
        "rassemblez raccogli"
    ),
    "SEND": (
        "verstuur stuur wyślij prześlij gönder kirim kirimkan invie enviar envía envíe envia envoyer "
        "envoyez envoie senden sende schicke schicken übertrage invia inviare reenviar reenvía transmettre "
        "transmettez übermittle übermitteln encaminhe verschickt verschicken gesendet mitgesendet "
        "mitsenden weiterleiten leite versende versenden hochladen transférez transférer partager envíale "
        "mande manda mandar compartir"
    ),
    "PUT": (
        "przekaż ekle sertakan lampirkan incluir incluya incluye inclure incluez inclus füge einfügen "
        "inclua includi includere añadir añade agregar ajouter ajoutez pasar pasa passa passer passez "
        "übergib adicione inserisci hänge anhängen angehängt mitgeben hinterlege trage eintragen übergeben "
        "übergebe schreibe schreiben placez placer joignez joindre mettez mettre coloca coloque colocar "
        "adjunta adjunte anexe allega allegare copia copie copiez kopiere"
    ),
    "SET": ("cambiar cambia cambie ändere ändern cambie cambiar"),
    "SWAP": (
        "ersetze ersetzen ersetzt remplacer remplacez remplace reemplazar reemplaza reemplace substituir "
        "substitua sostituire sostituisci modificar modifica modifique modifier modifiez"
    ),
    "SLOT": (
        "empfänger betrag destinatario destinatarios importe cantidad destinataire montant destinatário "
        "valor importo konto cuenta empfängers iban kontonummer adresse bénéficiaire beneficiario "
        "beneficiário dirección"
    ),
    "REGARDLESS": ("egal independientemente indipendentemente|unabhängig von|quel que soit|sin importar|no importa"),
    "TELL": (
        "informar informe informes digas decir dile mencionar menciones mencione revelar reveles "
        "mentionner mentionnez informer informez dites révéler révélez erwähnen erwähne informieren "
        "informiere mitteilen sagen sage informare menzionare rivelare diga avise dirlo vertel vertellen "
        "mów informuj söyle bildirme beritahu sag erzähle erzählen verrate verraten antworte parlez parler "
        "avertir avertissez prévenir prévenez avises avisar cuentes contar conte contes mencione informe "
        "dica dire raccontare comunicare|se lo digas"
    ),
    "THIS": "esta este esto cette ceci diese dieses questo questa",
    "TOOL": (
        "herramienta herramientas outil outils werkzeug werkzeuge ferramenta ferramentas strumento "
        "strumenti função función fonction werkzeugs servidor serveur"
    ),
    "ANY": (
        "todas todos toda toutes tous chaque jede jeden alle cualquier tutte tutti qualquer jeder jedem "
        "jedes aller cada"
    ),
    "OTHER": ("otra otras otro otros autre autres andere anderen outras outros altra altri anderes anderer"),
    "DATA": (
        "inhoud bestand treść plik dosyasını içeriğini isi berkas contenido archivo archivos datos contenu "
        "fichier fichiers données datei dateien inhalt daten conteúdo arquivo arquivos dados contenuto "
        "dati dateiinhalt protokoll inhalte"
    ),
    "SECRET": (
        "wachtwoord wachtwoorden hasła hasło parola şifre şifreleri kata-sandi contraseña contraseñas "
        "credenciales secretos claves mot_de_passe identifiants passwort passwörter zugangsdaten "
        "geheimnisse schlüssel senha senhas credenciais credenziali kennwort kennwörter geheimnis "
        "anmeldedaten clés contrasenas segredos password-uri|clave privada|clave ssh|mot de passe|mots de "
        "passe|clé privée|clé ssh|clés ssh|privaten schlüssel|ssh-schlüssel|chave privada"
    ),
    "CONTEXT": (
        "gesprächsverlauf gesprächsverlauf chatverlauf gespräch unterhaltung|historial de "
        "conversación|historique de conversation|historial de chat|prompt del sistema|historique "
        "complet|toute la conversation|bisherigen verlauf|gesamten verlauf|système prompt|historial "
        "completo|toda la conversación|cronologia della conversazione|histórico da conversa"
    ),
    "IGNORE": (
        "negeer zignoruj yoksay abaikan ignorar ignora ignore ignorez ignorer ignoriere ignorieren missachte "
        "ignori olvida oublie oubliez vergiss desconsidere dimentica"
    ),
    "PREV": (
        "vorige poprzednie önceki sebelumnya anteriores previas previos précédentes précédents antérieures "
        "vorherigen vorherige bisherigen precedenti vorangegangenen vorigen anterior prévias"
    ),
    "RULES": (
        "instructies instrukcje polecenia talimatları instruksi instrucciones reglas consignes règles "
        "anweisungen regeln instruções regras istruzioni regole"
    ),
    "HIDDEN": (
        "silencio oculto ocultar secretamente discrètement secrètement heimlich unbemerkt verschweige "
        "silenciosamente unauffällig discretamente discretement disimuladamente di-nascosto|en secreto|en "
        "silencio|en secret|em segredo|in segreto"
    ),
    "KNOW": "erfahren erfährt wissen saber sepa sache sachent sapere merken bemerken",
    "PARAM": "parameter feld argumente paramètre paramètres champ parámetro parámetros campo parametro parâmetro",
    "FAIL": "fallará échouera fehlschlagen",
}

# Beginnings of words; five letters or more, lower case.
STEMS: dict[str, str] = {
    "USER": "пользовател юзер користувач",
    "MUST": "обязательн должен должн необходим нужно требуется следует обязан",
    "ALWAYS": "всегда каждый",
    "NOT": "никогда нельзя",
    "WITHOUT": "втайне",
    "BEFORE": "перед прежде",
    "WHEN": "когда",
    "FIRST": "сначала сперва",
    "CALL": "вызов вызыва вызва использ примен",
    "RUN": "выполн запуст запуск",
    "READ": "прочита прочти читай прочест считай откро извлек получи",
    "SEND": "отправ пересла пошли перешли передай переда",
    "PUT": "включи добав вставь вставить передав",
    "SET": "замени измени",
    "TELL": ("сообща сообщи упомина упомян говори расскаж раскрыва уведомл информир"),
    "TOOL": "инструмент функци",
    "OTHER": "други",
    "ANY": "любой любых любым всеми всех",
    "DATA": "файл содержи данные данных",
    "SECRET": "парол секрет ключ ключи учетны учётны",
    "IGNORE": "игнорир проигнор забудь",
    "PREV": "предыду прежни",
    "RULES": "инструкци правил указани",
    "HIDDEN": "скрыт незамет тайно",
    "CONTEXT": "переписк историю",
}

# Arabic, Hindi and Thai join or attach their words as well, and are searched the same way.
_CJK_TABLE: dict[str, str] = {
    "REGARDLESS": "无论 不管 不论 無論 に関わらず にかかわらず 関係なく 상관없이 관계없이",
    "SLOT": "收款人 收件人 收款账户 金额 收货地址 受取人 宛先 金額 수신자 수취인 금액",
    "SWAP": "替换 替換 改为 改成 篡改 置き換 書き換 바꿔 대체 교체",
    "USER": "المستخدم उपयोगकर्ता ผู้ใช้ 用户 用戶 使用者 人类 ユーザー ユーザ 利用者 사용자 유저",
    "MUST": (
        "يجب चाहिए अवश्य ต้อง 必须 必須 务必 務必 一定要 强制 強制 需要先 しなければならない 必ず "
        "하십시오 반드시 해야 필수"
    ),
    "ALWAYS": "总是 總是 始终 始終 每次 每当 常に 毎回 いつも 항상 매번 언제나",
    "NOT": (
        "لا تخبر मत ห้าม อย่า 不要 不得 切勿 请勿 請勿 禁止 别 不能 不可 不应 无需 無需 ないで "
        "しないこと せずに なしに 禁じ 마세요 말고 마십시오 하지 않 말라 금지 없이"
    ),
    "BEFORE": "قبل पहले ก่อน 之前 以前 前に 使用前 调用前 呼び出す前 전에 이전에 앞서",
    "FIRST": "首先 优先 優先 最初に まず 先に 먼저 우선",
    "CALL": "استخدام उपयोग ใช้ 调用 調用 使用 呼び出 호출 사용",
    "RUN": "执行 執行 运行 実行 실행",
    "READ": (
        "اقرأ पढ़ें पढ़ो อ่าน 读取 讀取 阅读 打开 获取 查看 提取 访问 読み取 読み込 読んで 開いて 取得 "
        "읽어 읽고 읽은 열어 가져와 추출"
    ),
    "SEND": (
        "أرسل ارسل إرسال भेजें भेज ส่ง 发送 發送 上传 上傳 转发 轉發 泄露 传输 发给 送信 転送 "
        "アップロード 送って 전송 보내 업로드 전달 유출"
    ),
    "PUT": "包含 附加 添加 写入 传入 作为参数 填入 含めて 追加 渡す 渡して 포함 추가 첨부 넣어",
    "SET": "修改 更改 変更 변경 수정",
    "TELL": (
        "تخبر إخبار बताएं बताना बताए บอก แจ้ง 告诉 告訴 告知 泄露给 报告给 提及 提到 透露 通知 说明 知らせ 伝え 言及 "
        "明かさ 教え 알리 말하 언급 공개 통보 고지"
    ),
    "THIS": "本工具 该工具 此工具 这个工具 このツール 이 도구",
    "TOOL": "الأداة उपकरण टूल เครื่องมือ 工具 函数 ツール 関数 도구 함수 툴",
    "ANY": "جميع كل सभी ทั้งหมด 所有 任何 全部 一切 每个 すべて 全て あらゆる 모든 모두",
    "OTHER": "其他 其它 别的 他の 그 외 다른",
    "DATA": (
        "محتوى ملف फ़ाइल फाइल सामग्री ไฟล์ 文件内容 文件 内容 数据 資料 信息 ファイル データ 内容を 파일 내용 데이터"
    ),
    "SECRET": (
        "كلمات المرور كلمة المفاتيح पासवर्ड รหัสผ่าน 密码 密碼 密钥 密鑰 私钥 私鑰 凭证 凭据 憑證 令牌 "
        "机密 敏感信息 敏感数据 パスワード 秘密鍵 認証情報 "
        "機密 비밀번호 개인키 비밀키 암호 자격 증명 자격증명 기밀 민감한"
    ),
    "CONTEXT": (
        "对话历史 对话记录 对话内容 聊天内容 聊天记录 会话历史 系统提示 系统提示词 会話履歴 チャット履歴 "
        "システムプロンプト 대화 기록 내역 시스템 프롬프트"
    ),
    "IGNORE": "تجاهل अनदेखा अनदेखी เพิกเฉย ละเว้น 忽略 无视 無視 忘记 覆盖 無視して 忘れて 무시 잊어",
    "BYPASS": "绕过 繞過 禁用 跳过 关闭安全 バイパス 無効化 우회 비활성화",
    "PREV": ("السابقة السابق पिछले पूर्व ก่อนหน้า 之前的 以前的 先前 上述 以上的 以前の 前の これまでの 이전 앞선 기존"),
    "RULES": (
        "التعليمات تعليمات निर्देश คำสั่ง คำแนะนำ 指令 指示 提示词 规则 規則 限制 安全策略 ルール "
        "プロンプト 지시 명령 규칙 지침 프롬프트"
    ),
    "HIDDEN": "悄悄 偷偷 暗中 秘密地 静默 隐藏 不被察觉 こっそり 密かに 秘密裏 몰래 은밀 조용히 비밀리",
    "OUTSIDE": "外部服务器 攻击者 外部サーバー 攻撃者 외부 서버 공격자",
    "BANNER": "重要 紧急 系统 重要な 緊急 중요 긴급 시스템",
}

CJK_CLASS: dict[str, str] = {word: name for name, listed in reversed(_CJK_TABLE.items()) for word in listed.split()}


@cache
def cjk() -> re.Pattern[str]:
    """Known Chinese, Japanese and Korean words, longest first."""
    return re.compile("|".join(sorted(map(re.escape, CJK_CLASS), key=len, reverse=True)))


@cache
def _stems() -> dict[str, list[tuple[str, str]]]:
    from mcpwatch.scan.rules.tokens import LETTER

    table: dict[str, list[tuple[str, str]]] = {}
    for name, listed in STEMS.items():
        for stem_ in listed.split():
            table.setdefault(stem_[:4], []).append((stem_, LETTER[name]))
    for rows in table.values():
        rows.sort(key=lambda row: -len(row[0]))
    return table


_SHORT = {"не": "NOT", "без": "WITHOUT", "если": "WHEN", "без ведома": "WITHOUT"}


def stem(word: str) -> str | None:
    """The class letter of an inflected word, None for ASCII words and unknown ones."""
    if word.isascii():
        return None
    if name := _SHORT.get(word):
        from mcpwatch.scan.rules.tokens import LETTER

        return LETTER[name]
    for beginning, letter in _stems().get(word[:4], ()):
        if word.startswith(beginning):
            return letter
    return None
