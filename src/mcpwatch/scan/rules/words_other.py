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
        "appelez appelle utiliser utilisez verwenden verwende aufrufen nutzen chamar usa usare chiamare "
        "chiama invoca invoque rufe ruf aufgerufen appelé llamado chiamato"
    ),
    "RUN": "ejecutar ejecute ejecuta exécuter exécutez exécute ausführen führe executar esegui eseguire",
    "READ": (
        "lees openen przeczytaj odczytaj oku okuyun baca leer lea lee lire lisez lis lies lesen ler leia "
        "leggi leggere abrir ouvrir öffne acceder accéder accédez extraer obtener recuperar récupérer "
        "récupérez hole sammle sammeln suche durchsuche hole auslesen öffnen recopila recoge collectez "
        "rassemblez raccogli"
    ),
    "SEND": (
        "verstuur stuur wyślij prześlij gönder kirim kirimkan invie enviar envía envíe envia envoyer envoyez "
        "envoie senden sende schicke schicken übertrage invia inviare reenviar reenvía transmettre "
        "transmettez übermittle übermitteln encaminhe verschickt verschicken gesendet mitgesendet mitsenden "
        "weiterleiten leite versende versenden hochladen transférez transférer partager envíale mande manda "
        "mandar compartir weitergeleitet weitergegeben weitergeben mitteilen transmis transmise envoyé "
        "envoyés envoyée reenviado reenviada enviado enviados enviada inoltrato inoltrare inoltra inviato "
        "inviati inviata trasmesso enviadas transmitido"
    ),
    "PUT": (
        "przekaż ekle sertakan lampirkan incluir incluya incluye inclure incluez inclus füge einfügen inclua "
        "includi includere añadir añade agregar ajouter ajoutez pasar pasa passa passer passez übergib "
        "adicione inserisci hänge anhängen angehängt mitgeben hinterlege trage eintragen übergeben übergebe "
        "schreibe schreiben placez placer joignez joindre mettez mettre coloca coloque colocar adjunta "
        "adjunte anexe allega allegare copia copie copiez kopiere riportare riportate riporti inserire "
        "inserisca compilare copiare ricopiare pegar rellenar rellene anexar reporter reportez recopier "
        "recopiez coller collez renseigner renseignez beifügen beigefügt mitschicken mitgeschickt beilegen "
        "beigelegt hinterlegt übernehmen kopieren kopiert ajouté ajoutée copié recopié incluido incluida "
        "añadido añadida adjuntado adjunto allegato inserito copiato preencher anexado incluído"
    ),
    "SET": ("cambiar cambia cambie ändere ändern cambie cambiar"),
    "SWAP": (
        "sostituito sostituita sostituiti reemplazado reemplazada sustituido sustituye sustituir remplacée "
        "remplacés ersetze ersetzen ersetzt remplacer remplacez remplace reemplazar reemplaza reemplace substituir "
        "substitua sostituire sostituisci modificar modifica modifique modifier modifiez"
    ),
    "SLOT": (
        "empfänger betrag destinatario destinatarios importe cantidad destinataire montant destinatário "
        "valor importo konto cuenta empfängers iban kontonummer adresse bénéficiaire beneficiario "
        "beneficiário dirección"
    ),
    "REGARDLESS": ("egal independientemente indipendentemente|unabhängig von|quel que soit|sin importar|no importa"),
    "TELL": (
        "informar informe informes digas decir dile mencionar menciones mencione revelar reveles mentionner "
        "mentionnez informer informez dites révéler révélez erwähnen erwähne informieren informiere "
        "mitteilen sagen sage informare menzionare rivelare diga avise dirlo vertel vertellen mów informuj "
        "söyle bildirme beritahu sag erzähle erzählen verrate verraten antworte parlez parler avertir "
        "avertissez prévenir prévenez avises avisar cuentes contar conte contes dica dire raccontare "
        "comunicare nachfragen hinweisen hinweis signaler signalez advertir señalar segnalare avvisare "
        "avvisi erwähnt mentionné mencionado menzionato|se lo digas"
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
        "credenciales secretos claves mot_de_passe identifiants passwort passwörter zugangsdaten geheimnisse "
        "schlüssel senha senhas credenciais credenziali kennwort kennwörter geheimnis anmeldedaten clés "
        "contrasenas segredos password-uri chiavi segreti tan geheimzahl zugangsschlüssel passwörtern "
        "kennwörtern jetons segreto|clave privada|clave ssh|mot de passe|mots de passe|clé privée|clé ssh|"
        "clés ssh|privaten schlüssel|ssh-schlüssel|chave privada|chiave privata|chiavi private|chiave ssh|"
        "chiavi ssh|codice segreto|dati di accesso|codici di accesso|variabili d'ambiente|private schlüssel|"
        "privater schlüssel|clé secrète|clés privées|code secret|code confidentiel|données bancaires|datos "
        "bancarios|clave secreta|claves privadas|claves ssh|variables de entorno|variáveis de ambiente|"
        "chaves privadas|chave ssh"
    ),
    "CONTEXT": (
        "gesprächsverlauf chatverlauf gespräch unterhaltung systemprompt systemanweisungen systemanweisung "
        "chatprotokoll gesprächsprotokoll gesprächsverlaufs chatverlaufs unterhaltungsverlauf|historial de "
        "conversación|historique de conversation|historial de chat|prompt del sistema|historique complet|"
        "toute la conversation|bisherigen verlauf|gesamten verlauf|système prompt|historial completo|toda la "
        "conversación|cronologia della conversazione|histórico da conversa|istruzioni di sistema|cronologia "
        "della chat|intera conversazione|messaggi precedenti|prompt di sistema|conversazione finora|"
        "istruzioni ricevute|cronologia dei messaggi|instrucciones del sistema|historial de la conversación|"
        "conversación completa|mensajes anteriores|historial del chat|conversación entera|instrucciones "
        "recibidas|instructions système|instructions du système|historique de la conversation|historique du "
        "chat|messages précédents|conversation entière|prompt système|échanges précédents|intégralité de la "
        "conversation|instructions reçues|bisherige gespräch|bisherigen gesprächs|bisherige unterhaltung|"
        "ganze gespräch|gesamte gespräch|gesamten gesprächs|letzten nachrichten|bisherigen nachrichten|"
        "gesamte unterhaltung|anweisungen des systems|verlauf des gesprächs|verlauf der unterhaltung|"
        "instruções do sistema|conversa completa|mensagens anteriores|histórico do chat|conversa inteira|"
        "prompt do sistema"
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
        "silenciosamente unauffällig discretamente discretement disimuladamente di-nascosto kommentarlos "
        "stillschweigend silencieusement sigilosamente calladamente|en secreto|en silencio|en secret|em "
        "segredo|in segreto|sin avisar|sans prévenir|sans le signaler|senza avvisare|senza dirlo|senza "
        "segnalarlo|sem avisar|ohne hinweis|ohne rückfrage|ohne nachfrage|ohne es zu erwähnen|sans "
        "confirmation|sin confirmación|senza conferma|ohne bestätigung|pas besoin de prévenir|no hace falta "
        "avisar|no hace falta mencionarlo|no es necesario mencionarlo|no es necesario informar|non serve "
        "avvisare|non occorre avvisare|non è necessario avvisare|inutile de le mentionner|inutile de prévenir"
        "|inutile d'en informer|braucht davon nichts|nicht eigens erwähnt|nicht extra erwähnt|nicht "
        "gesondert erwähnt|keine erwähnung"
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
    "PUT": ("включи добав вставь вставить передав приложи прилож впиши вписа скопир указат помести заполн"),
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
    "HIDDEN": ("скрыт незамет тайно незаметн скрытн молча"),
    "CONTEXT": ("переписк историю диалог бесед переписка чат"),
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
    "PUT": (
        "包含 附加 添加 写入 传入 作为参数 填入 含めて 追加 渡す 渡して 포함 추가 첨부 넣어 含め 記入 添付 "
        "貼り付け 渡し 填写 写进 附上 附带 传给 一并 追記 添え 載せ 붙여넣 "
        "첨부하 기입 담아"
    ),
    "SET": "修改 更改 変更 변경 수정",
    "TELL": (
        "تخبر إخبار बताएं बताना बताए บอก แจ้ง 告诉 告訴 告知 泄露给 报告给 提及 提到 透露 通知 说明 知らせ "
        "伝え 言及 "
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
        "كلمات المرور كلمة المفاتيح पासवर्ड รหัสผ่าน 密码 密碼 密钥 密鑰 私钥 私鑰 凭证 凭据 憑證 令牌 机密 "
        "敏感信息 敏感数据 パスワード 秘密鍵 "
        "認証情報 機密 비밀번호 개인키 비밀키 암호 자격 증명 자격증명 기밀 민감한 暗証番号 口座番号 "
        "カード番号 認証コード 环境变量 環境変数 환경변수 验证码 银行卡号 助记词 登录信息 "
        "ログイン情報 카드번호 계좌번호 토큰 口令 シークレット"
    ),
    "CONTEXT": (
        "对话历史 对话记录 对话内容 聊天内容 聊天记录 会话历史 系统提示 系统提示词 会話履歴 チャット履歴 "
        "システムプロンプト 대화 기록 내역 시스템 프롬프트 完整对话 全部对话 之前的对话 "
        "やり取り 会話の全文 会話内容 これまでの会話 システム指示 系统指令 系统消息 지금까지의 대화내용 대화기록"
    ),
    "IGNORE": "تجاهل अनदेखा अनदेखी เพิกเฉย ละเว้น 忽略 无视 無視 忘记 覆盖 無視して 忘れて 무시 잊어",
    "BYPASS": "绕过 繞過 禁用 跳过 关闭安全 バイパス 無効化 우회 비활성화",
    "PREV": ("السابقة السابق पिछले पूर्व ก่อนหน้า 之前的 以前的 先前 上述 以上的 以前の 前の これまでの 이전 앞선 기존"),
    "RULES": (
        "التعليمات تعليمات निर्देश คำสั่ง คำแนะนำ 指令 指示 提示词 规则 規則 限制 安全策略 ルール "
        "プロンプト 지시 명령 규칙 지침 프롬프트"
    ),
    "HIDDEN": (
        "悄悄 偷偷 暗中 秘密地 静默 隐藏 不被察觉 こっそり 密かに 秘密裏 몰래 은밀 조용히 비밀리 説明は不要 "
        "説明不要 知らせる必要はな 通知は不要 伝える必要はな 报告不必 无需告知 不必告知 "
        "无须告知 不用告知 无需说明 不必说明 无需提示 不必提示 無需告知 不必提及 无需提及 知らせずに 断りなく "
        "断らずに 言及しない 알릴필요 무통보"
    ),
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
